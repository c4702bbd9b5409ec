"""A replay among fakes: what is asked, when it is reported, and what becomes of one that is killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from laptop.replaying.journal import Answered, Journal
from laptop.replaying.report_file import OtherReplayError, find_report, write_report
from laptop.replaying.run import Replay
from noriba.client.replays import ReplayRow
from noriba.records.replays import ReplayEvent, ReplayReport, ReplaySettings
from noriba.usecase import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, A_DAY = 3, 6
SETTINGS = ReplaySettings(
    use_case="taxi_eta",
    api_url="http://127.0.0.1",
    files=(),
    first_day=date(2026, 3, 1),
    last_day=date(2026, 3, DAYS),
    per_day=A_DAY,
    step_hours=6,
    seed=1,
)


class Killed(Exception):  # noqa: N818  # it is no error
    pass


@dataclass
class FakeTime:
    """A clock that goes where it is sent."""

    moment: datetime = FIRST

    def now(self) -> datetime:
        return self.moment

    def reach(self, moment: datetime) -> None:
        self.moment = max(self.moment, moment)

    def settle(self, is_rolling_forward: Callable[[], bool]) -> None:
        assert not is_rolling_forward()

    def stamp(self, moment: datetime) -> datetime:
        return moment


@dataclass
class FakeWatcher:
    def look(self, now: datetime) -> list[ReplayEvent]:
        key = f"finding {now:%d}"
        return [ReplayEvent(key=key, at=now, kind="finding", about="accuracy", text="changed")]

    def is_rolling_forward(self) -> bool:
        return False


@dataclass
class FakeApps:
    """Answers 10 s too much; may be killed after some answers."""

    time: FakeTime
    rides: dict[int, ReplayRow]
    dies_after: int | None = None
    asked: list[int] = field(default_factory=list)
    reported: dict[int, tuple[float, datetime, datetime]] = field(default_factory=dict)
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    def ask(self, rides: Sequence[ReplayRow], *, now: datetime) -> Iterator[Answered]:
        for ride in rides:
            if len(self.asked) == self.dies_after:
                raise Killed
            self.asked.append(ride.number)
            value = ride.observation.outcome + 10.0
            yield Answered(
                number=ride.number,
                asked_at=now,
                prediction_id=f"p{ride.number}",
                value=value,
                low=value - 20.0,
                high=value + 20.0,
                claimed_coverage=0.8,
                version=1,
            )

    def report(self, outcomes: Sequence[tuple[Answered, float, datetime]]) -> Iterator[int]:
        for answered, value, observed_at in outcomes:
            self.reported[answered.number] = (value, observed_at, self.time.now())
            yield answered.number


@dataclass
class FakeModel:
    def answer(self, requests: Sequence[Any]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.full(len(requests), 600.0)


@dataclass
class FakeDeployment:
    """A session in which version 2 is in production, and models wait; whoever is approved takes over at once."""

    waiting: dict[int, str]
    champion: int = 2
    approved: list[int] = field(default_factory=list)

    @property
    def registry(self) -> SimpleNamespace:
        versions = sorted(self.waiting, reverse=True)
        packages = [SimpleNamespace(version=one, status=self.waiting[one], arn=f"arn/{one}") for one in versions]
        return SimpleNamespace(list_packages=lambda: iter(packages))

    @property
    def ledger(self) -> SimpleNamespace:
        champion = SimpleNamespace(model_package_arn=f"arn/{self.champion}")
        return SimpleNamespace(read_champion=lambda: champion, read_rollout=lambda: None)

    def at(self, part: str) -> SimpleNamespace:
        assert part == "registry"
        return SimpleNamespace(sts=SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:me"}))

    def history(self, _machine: str) -> SimpleNamespace:
        return SimpleNamespace(find_newest=lambda: None, list_running=lambda: iter(()))

    def as_approver(self) -> SimpleNamespace:
        return SimpleNamespace(approve=self.approve)

    def approve(self, arn: str, *, note: str) -> None:
        assert "noriba replay --auto-approve" in note
        self.champion = int(arn.removeprefix("arn/"))
        self.approved.append(self.champion)
        self.waiting[self.champion] = "Approved"


def make_rides() -> dict[int, ReplayRow]:
    """Rides every four hours; the last of a day ends on the next one."""
    rides = {}
    for number in range(DAYS * A_DAY):
        asked_at = FIRST + number * timedelta(hours=4, minutes=1)
        lasted_s = 6 * 3600.0 if number % A_DAY == A_DAY - 1 else 600.0
        observation = Observation({}, asked_at, lasted_s, asked_at + timedelta(seconds=lasted_s))
        rides[number] = ReplayRow(number, observation)
    return rides


def open_report() -> ReplayReport:
    return ReplayReport(
        finished=False,
        unit="s",
        claimed_coverage=None,
        settings=SETTINGS,
        begun_at=FIRST,
        frozen_version=1,
        rows=100,
        chosen=DAYS * A_DAY,
        asked=0,
        failed=0,
        failures=(),
        took_s=0.0,
        days=(),
        events=(),
    )


def make_replay(folder: Path, *, time: FakeTime | None = None, dies_after: int | None = None) -> Replay:
    """The replay that a report and a journal in a folder are of."""
    path, rides, clock = folder / "report.json", make_rides(), time or FakeTime()
    report = find_report(path, SETTINGS) or open_report()
    return Replay(
        session=cast("Any", None),  # nobody approves
        rides=rides,
        report=report,
        path=path,
        journal=Journal(folder / "report.rides.jsonl"),
        timeline=clock,
        watcher=cast("Any", FakeWatcher()),
        apps=cast("Any", FakeApps(clock, rides, dies_after)),
        frozen=cast("Any", FakeModel()),
        auto_approve=False,
    )


def apps_of(replay: Replay) -> FakeApps:
    return cast("FakeApps", replay.apps)


def test_every_ride_is_asked_about_once_and_reported_when_it_is_over(tmp_path: Path) -> None:
    replay = make_replay(tmp_path)

    report = replay.run()

    apps = apps_of(replay)
    assert apps.asked == list(range(DAYS * A_DAY))
    assert apps.reported.keys() == set(apps.asked)
    for number, (value, observed_at, told_at) in apps.reported.items():
        observation = replay.rides[number].observation
        assert value == observation.outcome
        assert observed_at == observation.observed_at <= told_at
    assert report.finished
    assert find_report(tmp_path / "report.json", SETTINGS) == report


def test_days_are_told_in_numbers_and_what_happened_once(tmp_path: Path) -> None:
    report = make_replay(tmp_path).run()

    assert [day.date.day for day in report.days] == [1, 2, 3]
    assert sum(day.n for day in report.days) == report.asked == DAYS * A_DAY
    for day in report.days:
        assert (day.mae_s, day.bias_s, day.coverage, day.model_version) == (10.0, 10.0, 1.0, 1)
    begins = [event.at for event in report.events]
    assert begins[:4] == [FIRST + number * timedelta(hours=6) for number in range(4)]
    assert len(begins) == 4 * DAYS + 1


@pytest.mark.parametrize("dies_after", [0, 1, 8, 13, 17])
def test_one_that_was_killed_goes_on_and_asks_nothing_twice(tmp_path: Path, dies_after: int) -> None:
    time = FakeTime()
    first = make_replay(tmp_path, time=time, dies_after=dies_after)
    with pytest.raises(Killed):
        first.run()

    second = make_replay(tmp_path, time=time)
    report = second.run()

    assert apps_of(first).asked + apps_of(second).asked == list(range(DAYS * A_DAY))
    told = [*apps_of(first).reported, *apps_of(second).reported]
    assert sorted(told) == list(range(DAYS * A_DAY))
    (tmp_path / "whole").mkdir()
    assert report.days == make_replay(tmp_path / "whole").run().days


@pytest.mark.parametrize(
    ("waiting", "approved"),
    [
        ({3: "PendingManualApproval"}, [3]),
        ({3: "PendingManualApproval", 4: "PendingManualApproval"}, [4]),
        ({3: "PendingManualApproval", 4: "Rejected"}, []),
        ({1: "PendingManualApproval"}, []),
    ],
)
def test_the_newest_candidate_is_approved_once_and_an_older_one_never(
    tmp_path: Path, waiting: dict[int, str], approved: list[int]
) -> None:
    replay, deployment = make_replay(tmp_path), FakeDeployment(waiting)
    replay.session, replay.auto_approve = cast("Any", deployment), True

    report = replay.run()

    assert deployment.approved == approved
    assert [event.version for event in report.events if event.kind == "approval"] == approved


def test_a_finished_one_does_nothing_more(tmp_path: Path) -> None:
    report = make_replay(tmp_path).run()

    again = make_replay(tmp_path)

    assert again.run() == report
    assert apps_of(again).asked == []


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    replay = make_replay(tmp_path)
    replay.run()
    path = tmp_path / "report.rides.jsonl"
    text = path.read_text()
    path.write_text(text[:-9])

    journal = Journal(path)

    assert len(journal.answered) == DAYS * A_DAY
    assert len(journal.reported) == DAYS * A_DAY - 1
    journal.add_report(max(journal.answered))
    assert Journal(path).reported == journal.reported | {max(journal.answered)}


def test_a_journal_whose_last_line_is_left_out_is_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_replay(tmp_path).run()
    path = tmp_path / "report.rides.jsonl"
    text = path.read_text()
    path.write_text(text[:-9])

    def interrupt(_part: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(type(path), "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            Journal(path)

    assert path.read_text() == text[:-9]
    assert len(Journal(path).reported) == DAYS * A_DAY - 1
    assert path.read_text() == text[: text[:-9].rindex("\n") + 1]


def test_a_report_of_another_replay_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(path, open_report())

    with pytest.raises(OtherReplayError, match="another per_day, seed; give another --report, or delete it"):
        find_report(path, SETTINGS.model_copy(update={"per_day": 7, "seed": 2}))
    with pytest.raises(OtherReplayError, match="the cloud was started anew since, and is empty; begin anew, too: give"):
        find_report(path, SETTINGS.model_copy(update={"api_url": "http://127.0.0.1/another"}))
    path.write_text("{}")
    with pytest.raises(OtherReplayError, match="is no report of a replay"):
        find_report(path, SETTINGS)
