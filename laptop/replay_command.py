"""`replay`: recorded rides through the deployed API, while a clock is moved past them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from laptop.alone import hold_alone
from laptop.replaying.beginning import DEFAULT_SEED, ReplayPlan, begin_replay
from laptop.state import HOME, find_cloud_in_use, make_private_home
from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, MisuseError, Prefix, UseCaseName, read_day
from noriba.cli.output import print_json, print_line, print_problem, print_table, show_progress
from noriba.client import Session
from noriba.records.names import shorten_alarm_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laptop.replaying.run import Replay
    from noriba.client import Progress
    from noriba.records.replays import ReplayEvent, ReplayReport

# As a shell tells of a program that SIGINT ended.
_INTERRUPTED = 130

Files = Annotated[
    list[Path],
    typer.Option(
        "--trips", help="Recorded rows, Parquet or CSV; several files may follow.", exists=True, dir_okay=False
    ),
]
MoreFiles = Annotated[list[Path] | None, typer.Argument(hidden=True, exists=True, dir_okay=False)]
TrainOn = Annotated[
    list[Path] | None,
    typer.Option(
        "--train-on",
        help="Where no model is in production: a file that the first one learns from; may be repeated. The rows "
        "before --from when left out.",
        exists=True,
        dir_okay=False,
    ),
]
First = Annotated[
    date,
    typer.Option("--from", help="The first day, in UTC, such as 2026-03-01.", parser=read_day, metavar="DATE"),
]
Last = Annotated[
    date, typer.Option("--to", help="The last day, which is replayed too.", parser=read_day, metavar="DATE")
]
PerDay = Annotated[
    int, typer.Option("--per-day", help="Rides asked about each day at most, spread evenly over it.", min=1)
]
Step = Annotated[
    int, typer.Option("--step", help="Hours that the laptop cloud's clock moves at once: 1, 2, 3, 4, 6, 8, 12 or 24.")
]
Speed = Annotated[
    float | None,
    typer.Option(
        "--speed",
        help=f"Without a clock of its own: seconds of rides in a real one; {ReplayPlan.speed:.0f} when left out.",
        min=1,
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", help="Where the report goes, and pictures beside it.", dir_okay=False)
]


def replay(  # noqa: PLR0913, PLR0917  # the options of a command
    trips: Files,
    first: First,
    last: Last,
    more: MoreFiles = None,
    train_on: TrainOn = None,
    per_day: PerDay = ReplayPlan.per_day,
    step: Step = ReplayPlan.step_hours,
    speed: Speed = None,
    report: Report = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the rides that are chosen.", min=0)] = DEFAULT_SEED,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Approve candidates that passed their gates.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let recorded rides happen again: asked about in their order, reported when they ended, the loop going on.

    Where the report is of the same replay and not finished, it goes on from there.
    """
    make_private_home()
    cloud = find_cloud_in_use()
    plan = ReplayPlan(
        files=(*trips, *(more or ())),
        train_on=train_on or (),
        first_day=first,
        last_day=last,
        report=report or HOME / "replay-report.json",
        per_day=per_day,
        step_hours=step,
        speed=speed or ReplayPlan.speed,
        auto_approve=auto_approve,
        seed=seed,
    )
    has_clock = cloud is not None and cloud.clock is not None
    check_plan(plan, has_clock=has_clock, speed=speed)
    # Two at once would ask twice, and move each other's clock.
    with hold_alone(HOME / "replay.lock", "replay"), show_progress("beginning") as progress:
        session = Session(prefix, use_case)
        try:
            found = run_replay(begin_replay(session, plan, cloud=cloud, progress=progress), progress)
        except KeyboardInterrupt:
            print_problem(f"interrupted; the same command goes on: {plan.report}")
            raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print_report(found)
        print_line(f"report: {plan.report}, picture: {', '.join(map(str, name_pictures(plan.report)))}")
    if found.failed:
        print_problem(f"{found.failed} requests failed, the first with {found.failures[0]}")
        raise typer.Exit(1)


def check_plan(plan: ReplayPlan, *, has_clock: bool, speed: float | None) -> None:
    """See whether the options make sense together.

    Raises:
        MisuseError: they do not; the message says which, and what to give.
    """
    if plan.last_day < plan.first_day:
        raise MisuseError(f"--to {plan.last_day} is before --from {plan.first_day}; give a later day")
    if plan.step_hours < 1 or 24 % plan.step_hours:  # the hours of a day
        raise MisuseError(f"--step {plan.step_hours} does not divide a day; give 1, 2, 3, 4, 6, 8, 12 or 24")
    if has_clock and speed is not None:
        raise MisuseError("--speed is for a cloud without a clock; this one is moved as fast as it goes: leave it out")
    if not has_clock and plan.last_day >= datetime.now(UTC).date():
        raise MisuseError(f"--to {plan.last_day} is not over; what is replayed must be: noriba up --clock TIME")


def run_replay(replay: Replay, progress: Progress) -> ReplayReport:
    """Let a replay run, tell of it, and draw it after each day."""
    pictures = name_pictures(replay.path)

    def tell_day(report: ReplayReport) -> None:
        # matplotlib is loaded where something is drawn, and not for every command.
        from laptop.replaying.picture import draw_replay  # noqa: PLC0415

        draw_replay(report, pictures)
        if not report.finished and report.days:
            progress.done(describe_day(report))

    replay.told = lambda event: progress.done(describe_event(event))
    replay.day_done = tell_day
    return replay.run()


def name_pictures(report: Path) -> Sequence[Path]:
    """The pictures beside a report."""
    return report.with_suffix(".png"), report.with_suffix(".svg")


def describe_day(report: ReplayReport) -> str:
    """The last day in a line."""
    day, unit = report.days[-1], report.unit
    if day.mae_s is None:
        return f"{day.date}: nothing was asked"
    return (
        f"{day.date}: {day.n} rides, MAE {day.mae_s:.1f} {unit} (frozen {day.frozen_mae_s:.1f}), "
        f"bias {day.bias_s:+.1f} {unit}, coverage {day.coverage:.3f}, version {day.model_version}"
    )


def describe_event(event: ReplayEvent) -> str:
    """An event in a line."""
    word = event.kind.replace("_", " ")
    if event.kind == "decision":
        word = f"decision by {event.cause}: {'train' if event.trained else 'no training'}"
    return f"  {event.at:%Y-%m-%d %H:%M} {word}, {shorten_alarm_name(event.about)}: {event.text}"


def print_report(report: ReplayReport) -> None:
    """Every day in numbers."""
    unit = report.unit
    rows = [
        (
            f"{day.date}",
            day.n,
            _write(day.mae_s, ".1f"),
            _write(day.frozen_mae_s, ".1f"),
            _write(day.bias_s, "+.1f"),
            _write(day.coverage, ".3f"),
            day.model_version,
        )
        for day in report.days
    ]
    columns = ("day", "rides", f"MAE ({unit})", f"frozen ({unit})", f"bias ({unit})", "coverage", "version")
    print_table(f"{report.settings.use_case}, version {report.frozen_version} frozen beside", columns, rows)
    print_line(f"{report.asked} of {report.rows} rides asked, {report.failed} requests failed, {report.took_s:.0f} s")


def _write(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)
