"""A replay: step by step the outcomes that are known by then are reported, and the next rides are asked about."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from laptop.replaying.first_model import NOTE
from laptop.replaying.report_file import write_report
from noriba.client import NO_PROGRESS, PENDING_APPROVAL, Watcher, approve_model
from noriba.monitoring.replays import measure_day
from noriba.records.names import read_package_version
from noriba.records.replays import ReplayEvent, ReplayReport
from noriba.timestamps import begin_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from laptop.replaying.apps import Apps
    from laptop.replaying.frozen_model import FrozenModel
    from laptop.replaying.journal import Answered, Journal
    from laptop.replaying.timelines import Timeline
    from noriba.client import Progress, Session
    from noriba.client.replays import ReplayRow
    from noriba.records.replays import ReplayDay

_DAY = timedelta(days=1)


@dataclass
class Replay:
    """One replay, from where its report and its journal say that it is.

    Attributes:
        session: where.
        rides: all of them, in the order in which they are asked about; `ride.number` is the place in it.
        report: as far as it has come.
        path: where that is written, after each day.
        journal: what was asked and reported already.
        timeline: how time passes.
        watcher: what the loop does.
        apps: who ask and report.
        frozen: the first model.
        auto_approve: whether candidates that passed their gates are approved here.
        told: called with each event that is new.
        day_done: called with the report after each day.
    """

    session: Session
    rides: dict[int, ReplayRow]
    report: ReplayReport
    path: Path
    journal: Journal
    timeline: Timeline
    watcher: Watcher
    apps: Apps
    frozen: FrozenModel
    auto_approve: bool
    progress: Progress = NO_PROGRESS
    told: Callable[[ReplayEvent], object] = lambda _event: None
    day_done: Callable[[ReplayReport], object] = lambda _report: None

    def run(self) -> ReplayReport:
        """Go on until the last day is over and every outcome is reported; the report, which is also written.

        What fails is counted and told, and ends nothing.
        """
        if self.report.finished:
            return self.report
        settings = self.report.settings
        before, began_s = self.report, time.monotonic()
        step = timedelta(hours=settings.step_hours)
        done = len(self.report.days)
        for day, of_day in _iterate_days(settings.first_day, settings.last_day, self.rides.values()):
            if (day - settings.first_day).days < done:
                continue
            for begin in _iterate_steps(day, step):
                rides = [ride for ride in of_day if begin <= ride.observation.asked_at < begin + step]
                self._take_step(begin, rides)
            self._close_day(day, of_day, before, began_s)
        self._report_the_rest(begin_day(settings.last_day) + _DAY)
        self._note(before, began_s, finished=True)
        self.day_done(self.report)
        return self.report

    def _take_step(self, begin: datetime, rides: Sequence[ReplayRow]) -> None:
        answered = len(self.journal.answered)
        self.progress.update(f"{begin:%Y-%m-%d %H:%M}, {answered} of {len(self.rides)} rides asked")
        self.timeline.reach(begin)
        self.timeline.settle(self.watcher.is_rolling_forward)
        self._look()
        self._tell_outcomes(self.timeline.now())
        unasked = [ride for ride in rides if ride.number not in self.journal.answered]
        for one in self.apps.ask(unasked, now=self.timeline.now()):
            self.journal.add_answer(one)

    def _look(self) -> None:
        self._tell(self.watcher.look(self.timeline.now()))
        if self.auto_approve and self._approve_newest():
            self.timeline.settle(self.watcher.is_rolling_forward)
            self._tell(self.watcher.look(self.timeline.now()))

    def _tell(self, fresh: Sequence[ReplayEvent]) -> None:
        for event in fresh:
            self.told(event)
        events = sorted((*self.report.events, *fresh), key=lambda event: event.at)
        self.report = self.report.model_copy(update={"events": tuple(events)})
        if fresh:
            # An approval is told by nobody else, should the replay be killed within the day.
            write_report(self.path, self.report)

    def _approve_newest(self) -> bool:
        """Approve the newest candidate where it waits and is newer than production; older ones are left to a person."""
        package = next(self.session.registry.list_packages(), None)
        champion = self.session.ledger.read_champion()
        if package is None or package.status != PENDING_APPROVAL:
            return False
        if champion is not None and read_package_version(champion.model_package_arn) > package.version:
            return False
        approve_model(self.session, package, note=NOTE)
        event = ReplayEvent(
            key=f"approval {package.version}",
            at=self.timeline.now(),
            kind="approval",
            about=f"version {package.version}",
            text=NOTE,
            version=package.version,
        )
        self._tell([event])
        return True

    def _tell_outcomes(self, now: datetime) -> None:
        due = [one for one in self.journal.list_pending() if self._know_at(one) <= now]
        outcomes = [
            (one, self.rides[one.number].observation.outcome, self.timeline.stamp(self._know_at(one))) for one in due
        ]
        for number in self.apps.report(outcomes):
            self.journal.add_report(number)

    def _know_at(self, one: Answered) -> datetime:
        """When the outcome is known: not before it was asked about, however late that was."""
        return max(self.rides[one.number].observation.observed_at, one.asked_at)

    def _report_the_rest(self, end: datetime) -> None:
        """Rides that began on the last day and ended after it."""
        self.timeline.reach(max((self._know_at(one) for one in self.journal.list_pending()), default=end))
        self._tell_outcomes(self.timeline.now())
        self.timeline.reach(end)
        self.timeline.settle(self.watcher.is_rolling_forward)
        self._look()

    def _close_day(self, day: date, of_day: Sequence[ReplayRow], before: ReplayReport, began_s: float) -> None:
        self.report = self.report.model_copy(update={"days": (*self.report.days, self._measure(day, of_day))})
        self._note(before, began_s, finished=False)
        self.day_done(self.report)

    def _measure(self, day: date, of_day: Sequence[ReplayRow]) -> ReplayDay:
        answered = [self.journal.answered[ride.number] for ride in of_day if ride.number in self.journal.answered]
        observed = [self.rides[one.number].observation for one in answered]
        return measure_day(
            day,
            outcomes=[one.outcome for one in observed],
            values=[one.value for one in answered],
            lows=[one.low for one in answered],
            highs=[one.high for one in answered],
            versions=[one.version for one in answered],
            frozen=self.frozen.answer([one.request for one in observed]),
        )

    def _note(self, before: ReplayReport, began_s: float, *, finished: bool) -> None:
        last = max(self.journal.answered.values(), key=lambda one: one.number, default=None)
        update = {
            "finished": finished,
            "claimed_coverage": None if last is None else last.claimed_coverage,
            "asked": len(self.journal.answered),
            "failed": before.failed + self.apps.failed,
            "failures": (*before.failures, *self.apps.failures),
            "took_s": round(before.took_s + time.monotonic() - began_s, 1),
        }
        self.report = self.report.model_copy(update=update)
        write_report(self.path, self.report)


def _iterate_days(first: date, last: date, rides: Iterable[ReplayRow]) -> Iterator[tuple[date, list[ReplayRow]]]:
    """Every day with its rides, also those that have none."""
    by_day = {day: list(some) for day, some in groupby(rides, key=lambda ride: ride.observation.asked_at.date())}
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        yield day, by_day.get(day, [])


def _iterate_steps(day: date, step: timedelta) -> Iterator[datetime]:
    for number in range(_DAY // step):
        yield begin_day(day) + number * step
