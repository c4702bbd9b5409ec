"""How a replay begins, or goes on: files read, a model in production, the report and the journal found or made."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from laptop.replaying.apps import Apps
from laptop.replaying.first_model import find_champion, make_first_model
from laptop.replaying.journal import Journal
from laptop.replaying.report_file import find_report, write_report
from laptop.replaying.run import Replay
from laptop.replaying.timelines import CloudTime, ScaledTime
from laptop.state import HOME
from noriba.client import NO_PROGRESS, Watcher, find_model
from noriba.client.replays import choose_replay_rows, read_files, refuse_idle_files, write_earlier
from noriba.errors import NoribaError
from noriba.records.replays import ReplayedFile, ReplayReport, ReplaySettings
from noriba.timestamps import begin_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from laptop.replaying.frozen_model import FrozenModel
    from laptop.replaying.timelines import Timeline
    from laptop_cloud.process import RunningCloud
    from noriba.aws.registry import ModelPackage
    from noriba.client import Progress, Session
    from noriba.client.replays import ReplayRows
    from noriba.datasets.replays import RecordedFile

DEFAULT_SEED = 20_260_401
_MOST_LATE = timedelta(days=1)


class TooLateError(NoribaError):
    """The cloud's clock is past what is to be replayed, and only moves forward."""


@dataclass(frozen=True)
class ReplayPlan:
    """What to replay, and how.

    Attributes:
        files: recorded rows of the use case.
        train_on: files that the first model learns from; the rows of `files` before the first day when there are none.
        first_day: in UTC, as is the last one.
        last_day: replayed too.
        per_day: rides asked about at most.
        step_hours: how far the clock moves at once.
        speed: seconds of rides in a real one, where the cloud has no clock of its own.
        auto_approve: whether candidates that passed their gates are approved.
        report: where the report goes; the journal and the pictures stand beside it.
        seed: of the rides that are chosen.
    """

    files: Sequence[Path]
    first_day: date
    last_day: date
    report: Path
    train_on: Sequence[Path] = ()
    per_day: int = 300
    step_hours: int = 1
    speed: float = 600.0
    auto_approve: bool = False
    seed: int = DEFAULT_SEED


def begin_replay(
    session: Session, plan: ReplayPlan, *, cloud: RunningCloud | None, progress: Progress = NO_PROGRESS
) -> Replay:
    """A replay that is ready to run.

    Args:
        session: where.
        plan: what.
        cloud: the laptop cloud whose clock is moved; None where time passes by itself.
        progress: told what goes on.

    Raises:
        OtherReplayError: the report is of another replay.
        TooLateError: the clock has passed the first day.
        NothingToReplayError: files hold nothing of these days, or nothing to learn from.
        NobodyApprovesError: no model is in production, and nobody may approve one.
    """
    settings = _name_settings(session, plan)
    report = find_report(plan.report, settings)
    progress.update("reading the files")
    recorded = read_files(plan.files, session.use_case)
    if plan.train_on:
        refuse_idle_files(recorded, session.use_case, first_day=plan.first_day, last_day=plan.last_day)
    rides = choose_replay_rows(
        recorded,
        session.use_case,
        first_day=plan.first_day,
        last_day=plan.last_day,
        per_day=plan.per_day,
        seed=plan.seed,
    )
    journal_path = plan.report.with_suffix(".rides.jsonl")
    if report is None:
        journal_path.unlink(missing_ok=True)
    journal = Journal(journal_path)
    timeline = _find_timeline(plan, report, cloud)
    begun = report.begun_at if report is not None else timeline.now()
    watcher = Watcher(session, since=begun, told=() if report is None else report.events)
    if report is None:
        package = find_champion(session) or make_first_model(
            session,
            lambda: plan.train_on or _write_earlier(session, plan, recorded),
            timeline,
            watcher,
            progress,
            auto_approve=plan.auto_approve,
        )
        report = _open_report(session, settings, rides, package, timeline)
        write_report(plan.report, report)
    else:
        package = find_model(session, report.frozen_version)
    return Replay(
        session=session,
        rides={ride.number: ride for ride in rides.chosen},
        report=report,
        path=plan.report,
        journal=journal,
        timeline=timeline,
        watcher=watcher,
        apps=Apps(session),
        frozen=_load(session, package),
        auto_approve=plan.auto_approve,
        progress=progress,
    )


def _name_settings(session: Session, plan: ReplayPlan) -> ReplaySettings:
    return ReplaySettings(
        use_case=session.use_case_name,
        api_url=session.deployment.api_url,
        files=tuple(ReplayedFile(name=path.name, bytes=path.stat().st_size) for path in plan.files),
        first_day=plan.first_day,
        last_day=plan.last_day,
        per_day=plan.per_day,
        step_hours=plan.step_hours,
        seed=plan.seed,
    )


def _find_timeline(plan: ReplayPlan, report: ReplayReport | None, cloud: RunningCloud | None) -> Timeline:
    begins = begin_day(plan.first_day + timedelta(days=0 if report is None else len(report.days)))
    if cloud is None or cloud.clock is None:
        return ScaledTime(begins, plan.speed)
    timeline = CloudTime(cloud)
    if (now := timeline.now()) > begins + _MOST_LATE:
        raise TooLateError(
            f"the laptop cloud's clock stands at {now:%Y-%m-%d %H:%M} and only moves forward; begin with a later day, "
            f"or: noriba down, and noriba up --clock {begins - _MOST_LATE:%Y-%m-%dT%H:%M:%SZ}"
        )
    return timeline


def _open_report(
    session: Session, settings: ReplaySettings, rides: ReplayRows, package: ModelPackage, timeline: Timeline
) -> ReplayReport:
    return ReplayReport(
        finished=False,
        unit=session.use_case.answer.unit,
        claimed_coverage=None,
        settings=settings,
        begun_at=timeline.now(),
        frozen_version=package.version,
        rows=rides.rows,
        chosen=len(rides.chosen),
        asked=0,
        failed=0,
        failures=(),
        took_s=0.0,
        days=(),
        events=(),
    )


def _write_earlier(session: Session, plan: ReplayPlan, recorded: dict[Path, RecordedFile]) -> list[Path]:
    folder = HOME / "replay" / "before"
    shutil.rmtree(folder, ignore_errors=True)
    return write_earlier(recorded, session.use_case, before=plan.first_day, folder=folder)


def _load(session: Session, package: ModelPackage) -> FrozenModel:
    # LightGBM is loaded where a model is asked, and not for every command.
    from laptop.replaying.frozen_model import FrozenModel  # noqa: PLC0415

    return FrozenModel.fetch(session, package)
