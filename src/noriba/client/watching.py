"""What the loop did since the last look: alarms, findings, decisions, candidates and rollouts, each told once.

Everything is read where it is recorded, so that nothing has to listen, and a look that was missed is made up for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.aws.alarms import list_changes
from noriba.client.monitoring import NoReportError, read_monitoring_report
from noriba.client.retraining import list_retrainings
from noriba.client.rollout_history import list_rollouts
from noriba.records.names import shorten_alarm_name
from noriba.records.replays import ReplayEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from noriba.client.session import Session

_RUNNING = "running"
_SLACK = timedelta(hours=1)


class Watcher:
    """Looks at a deployment again and again.

    Args:
        session: where.
        since: nothing from before is told.
        told: what was told by an earlier one.
    """

    def __init__(self, session: Session, *, since: datetime, told: Iterable[ReplayEvent] = ()) -> None:
        self._session = session
        self._since = since
        self._looked_at = since
        told = tuple(told)
        self._known = {event.key for event in told}
        self._verdicts = {event.about: event.key for event in told if event.kind == "finding"}

    def look(self, now: datetime) -> list[ReplayEvent]:
        """What is new, in order of time."""
        found = [*self._alarms(), *self._findings(), *self._decisions(), *self._candidates(), *self._rollouts()]
        fresh = {event.key: event for event in found if event.key not in self._known and event.at >= self._since}
        self._known |= fresh.keys()
        self._looked_at = now
        return sorted(fresh.values(), key=lambda event: event.at)

    def is_rolling_forward(self) -> bool:
        """Whether a training run or a rollout goes on by itself, and does not wait for outcomes."""
        session = self._session
        training = session.history("train").find_newest()
        if training is not None and training.is_running:
            return True
        rollout = session.history("rollout").find_newest()
        if rollout is None or not rollout.is_running:
            return False
        lock = session.ledger.read_rollout()
        return lock is None or lock.awaited is None

    def _alarms(self) -> Iterator[ReplayEvent]:
        # What rang just before the last look may have been recorded just after it.
        since = max(self._since, self._looked_at - _SLACK)
        prefix = f"{self._session.prefix}-"
        changes = (
            change
            for place in self._session.places
            for change in list_changes(place.clients.cloudwatch, prefix=prefix, since=since)
        )
        for change in changes:
            word = "rings" if change.rings else "is quiet again"
            yield ReplayEvent(
                key=f"alarm {change.name} {change.at.isoformat()}",
                at=change.at,
                kind="alarm_fired" if change.rings else "alarm_cleared",
                about=change.name,
                text=f"{shorten_alarm_name(change.name)} {word}",
            )

    def _findings(self) -> Iterator[ReplayEvent]:
        try:
            report = read_monitoring_report(self._session)
        except NoReportError:
            return
        for finding in report.findings:
            about = f"{finding.kind} of version {report.model_version}"
            key = f"finding {about} {finding.verdict}"
            last = self._verdicts.get(about)
            is_told = finding.verdict == "changed" or (finding.verdict == "steady" and last is not None)
            if not is_told or (last is not None and last.startswith(key)):
                continue
            self._verdicts[about] = f"{key} {report.until.isoformat()}"
            yield ReplayEvent(
                key=self._verdicts[about],
                at=report.until,
                kind="finding",
                about=about,
                text=f"{finding.verdict}: {finding.reason}",
                version=report.model_version,
            )

    def _decisions(self) -> Iterator[ReplayEvent]:
        for decision in list_retrainings(self._session):
            yield ReplayEvent(
                key=f"decision {decision.decision_id}",
                at=decision.decided_at,
                kind="decision",
                about=decision.decision_id,
                text=decision.reason,
                trained=decision.train,
                cause=decision.cause,
            )

    def _candidates(self) -> Iterator[ReplayEvent]:
        for package in self._session.registry.list_packages():
            yield ReplayEvent(
                key=f"candidate {package.version}",
                at=package.created_at,
                kind="candidate",
                about=f"version {package.version}",
                text=f"{package.status}: {package.note or 'passed its gates'}",
                version=package.version,
            )

    def _rollouts(self) -> Iterator[ReplayEvent]:
        for rollout in list_rollouts(self._session):
            about = f"version {rollout.version}"
            yield ReplayEvent(
                key=f"began {rollout.execution}",
                at=rollout.started_at,
                kind="rollout_began",
                about=about,
                text=rollout.cause,
                version=rollout.version,
            )
            if rollout.ended_at is not None and rollout.status != _RUNNING:
                yield ReplayEvent(
                    key=f"ended {rollout.execution}",
                    at=rollout.ended_at,
                    kind="rollout_ended",
                    about=about,
                    text=rollout.status if rollout.failure is None else f"{rollout.status}: {rollout.failure}",
                    version=rollout.version,
                )
