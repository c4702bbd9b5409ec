"""The city changes: errors grow, the alarm goes off and asks for training, a new model takes over and is right again.

The first model has learned from a few thousand rides of the season before. Then rides go through the API on a laptop
cloud with a clock of its own, an ordinary day first; on the next one a bridge is closed, streets are slower and offices
have moved. Nobody lands anything more: the loop learns from what it was asked and heard the end of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from laptop.replay_command import name_pictures, run_replay
from laptop.replaying.beginning import ReplayPlan, begin_replay
from noriba.client import StepFailedError
from noriba.records.names import name_world_alarm
from noriba.timestamps import begin_day
from noriba.usecase import load_simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from laptop.demo import Walk
    from laptop_cloud.process import RunningCloud
    from noriba.client import Session
    from noriba.records.replays import ReplayDay, ReplayEvent, ReplayReport

SETTINGS = 'rollout = "canary"\n'
"""Of the deployment: a shadow would wait for a day of outcomes, and its model is known to be wrong."""
ROWS, HISTORY_DAYS = 5_500, 28
FIRST_DAY, LAST_DAY = date(2026, 4, 7), date(2026, 4, 17)
"""A weekday each. A week after the change there are days enough to see since when the city is another, and to learn
from them alone; the latest fifth of the rows is kept for calibration and hold-out."""
CHANGE = date(2026, 4, 8)
PER_DAY = 1_000
BEGIN = begin_day(FIRST_DAY)
_HISTORY_BEGINS = date(2026, 1, 5)
_SEED = 20_260_407
_CITY = ZoneInfo("America/New_York")
_RECOVERED = 0.5
"""Of the error that the change has added, at least so much must be gone again."""


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors in the label's unit; None where no ride was asked about."""

    before: float | None
    during: float | None
    after: float | None

    @property
    def recovered(self) -> bool:
        """Whether most of what the change added is gone."""
        if self.before is None or self.during is None or self.after is None:
            return False
        return self.after <= self.during - _RECOVERED * (self.during - self.before)


def run_drift_scenario(session: Session, walk: Walk, cloud: RunningCloud, folder: Path, report: Path) -> None:
    """Replay the days of the change; the report says when the alarm went off, what was decided, and what came of it.

    Raises:
        StepFailedError: a stage did not happen; all that was seen is in the report.
    """
    with walk.phase("make the rides up"):
        history, days = simulate_change(session.use_case_name, folder)
    plan = ReplayPlan(
        files=days,
        train_on=history,
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
        report=report.with_name(f"{report.stem}-replay.json"),
        per_day=PER_DAY,
        auto_approve=True,
    )
    plan.report.unlink(missing_ok=True)
    with walk.phase("first model"):
        replay = begin_replay(session, plan, cloud=cloud, progress=walk.progress)
    with walk.phase("replay the change"):
        found = run_replay(replay, walk.progress)
    alarm = name_world_alarm(session.use_case_name, prefix=session.prefix)
    scenario = describe_change(found, alarm)
    pictures = [str(path) for path in name_pictures(plan.report)]
    walk.document["scenario"] = {**scenario, "replay": str(plan.report), "pictures": pictures}
    with walk.phase("see what came of it"):
        if missing := find_missing(scenario):
            raise StepFailedError(f"the loop has not closed: {'; '.join(missing)}")


def simulate_change(use_case_name: str, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """Files of the season before, and of the days that are replayed."""
    simulator: Any = load_simulator(use_case_name)
    before = simulator.simulate(ROWS, seed=_SEED, first_day=_HISTORY_BEGINS, days=HISTORY_DAYS)
    days = (LAST_DAY - FIRST_DAY).days + 2
    # Days of the city begin hours after those of UTC: one more on either side.
    after = simulator.simulate(
        (days + 1) * (PER_DAY + PER_DAY // 5),
        seed=_SEED + 1,
        first_day=FIRST_DAY - timedelta(days=1),
        days=days + 1,
        regime_change=CHANGE,
    )
    history = simulator.write_files(before, folder / "before")
    return history, simulator.write_files(after, folder / "replayed", prefix="rides")


def describe_change(report: ReplayReport, alarm: str) -> dict[str, Any]:
    """The scenario's part of the report."""
    changed_at = datetime.combine(CHANGE, time(), _CITY).astimezone(UTC)
    fired = next((one for one in report.events if _fired(one, alarm, changed_at)), None)
    asked = [one for one in report.events if one.kind == "decision" and one.cause == f"alarm {alarm}"]
    decision = next((one for one in asked if one.trained), asked[-1] if asked else None)
    # Who took over before has learned nothing of the change.
    promoted = [one for one in report.events if decision is not None and _took_over(one, decision.at)]
    errors = measure_change(report.days, changed_at, promoted[0].at if promoted else None)
    return {
        "name": "drift",
        "changed_at": changed_at.isoformat(),
        "alarm": alarm,
        "alarm_fired_after_s": None if fired is None else (fired.at - changed_at).total_seconds(),
        "decision": None if decision is None else decision.model_dump(mode="json"),
        "rollouts": [one.model_dump(mode="json") for one in promoted],
        "mae_before_s": errors.before,
        "mae_during_s": errors.during,
        "mae_after_s": errors.after,
        "recovered": errors.recovered,
        "requests": report.asked,
        "failed_requests": report.failed,
    }


def measure_change(days: Sequence[ReplayDay], changed_at: datetime, took_over: datetime | None) -> Errors:
    """Errors before the change, of whole days from it to the first model that came of it, and of the last day."""
    changed, learned = changed_at.date(), date.max if took_over is None else took_over.date()
    return Errors(
        before=_average(day for day in days if day.date < changed),
        during=_average(day for day in days if changed < day.date < learned),
        after=_average(day for day in days[-1:] if day.date > learned),
    )


def find_missing(scenario: dict[str, Any]) -> list[str]:
    """The stages that did not happen."""
    decision = scenario["decision"]
    checks = {
        "the alarm did not go off": scenario["alarm_fired_after_s"] is not None,
        "the alarm led to no training": decision is not None and decision["trained"],
        "no model came into production after that": scenario["rollouts"],
        "the error is not what it was": scenario["recovered"],
        f"{scenario['failed_requests']} requests failed": not scenario["failed_requests"],
    }
    return [text for text, holds in checks.items() if not holds]


def _fired(event: ReplayEvent, alarm: str, changed_at: datetime) -> bool:
    return event.kind == "alarm_fired" and event.about == alarm and event.at >= changed_at


def _took_over(event: ReplayEvent, since: datetime) -> bool:
    return event.kind == "rollout_ended" and event.text == "succeeded" and event.at > since


def _average(days: Any) -> float | None:
    found = [(day.n, day.mae_s) for day in days if day.mae_s is not None]
    return sum(n * mae for n, mae in found) / sum(n for n, _ in found) if found else None
