"""`clock`: the laptop cloud's own time, read and moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from laptop.state import find_cloud
from laptop_cloud import shared_clock
from laptop_cloud.driving import DrivingError, move_clock, pass_time, read_clock
from noriba.cli.options import AsJson  # noqa: TC001  # typer reads it
from noriba.cli.output import print_json, print_line, print_problem, show_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.driving import CloudClock
    from laptop_cloud.process import RunningCloud
    from noriba.client import Progress

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MOST_HOURS = timedelta(hours=48)
"""Of longer ones, days are told."""


def read_moment(text: str) -> datetime:
    """A time as it is given to an option.

    Raises:
        typer.BadParameter: it is none, or names no zone.
    """
    try:
        return shared_clock.read_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def explain_real_time(cloud: RunningCloud) -> str:
    """Why a cloud's time cannot be moved, and the remedy."""
    return (
        f"the laptop cloud at {cloud.endpoint_url} lives in real time; for one with a clock of its own: noriba down "
        "(what it holds is gone), then noriba up --clock TIME"
    )


def clock(
    to: Annotated[
        datetime | None,
        typer.Option("--to", help="Let time pass up to this moment.", parser=read_moment, metavar="TIME"),
    ] = None,
    by: Annotated[float | None, typer.Option("--by", help="Let as many hours pass.", min=0)] = None,
    *,
    jump: Annotated[bool, typer.Option("--jump", help="Be there at once, and wait for nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell the laptop cloud's own time, or let it pass: everything falls due when it would have."""
    if to is not None and by is not None:
        raise typer.BadParameter("either to a moment or by some hours, not both", param_hint="--by")
    cloud = find_cloud()
    if cloud is None:
        print_problem("no laptop cloud is running here; start one: noriba up --clock TIME")
        raise typer.Exit(1)
    if cloud.clock is None:
        print_problem(explain_real_time(cloud))
        raise typer.Exit(1)
    try:
        told = read_clock(cloud)
        moment = told.now + timedelta(hours=by) if by is not None else to
        if moment is not None:
            told = _move(cloud, moment, jump=jump)
    except DrivingError as error:
        print_problem(str(error))
        raise typer.Exit(1) from error
    if as_json:
        print_json(told.model_dump(mode="json"))
    else:
        print_line(f"it is {told.now:%Y-%m-%d %H:%M:%S} UTC")
        print_line(f"next due: {told.next_due:%Y-%m-%d %H:%M:%S} UTC" if told.next_due else "nothing is due")


def _move(cloud: RunningCloud, moment: datetime, *, jump: bool) -> CloudClock:
    if jump:
        return move_clock(cloud, moment)
    begin = read_clock(cloud).now
    with show_progress("letting time pass") as progress:
        return pass_time(cloud, moment, passed=tell_hours(progress, begin, moment))


def tell_hours(progress: Progress, begin: datetime, end: datetime) -> Callable[[datetime], None]:
    """What tells where the clock stands: a line that stays for each hour that is over, or each day of a long way."""
    stride = _HOUR if end - begin <= _MOST_HOURS else _DAY
    due = begin + stride

    def tell(now: datetime) -> None:
        nonlocal due
        progress.update(f"{now:%Y-%m-%d %H:%M:%S}")
        if due <= now < end:
            progress.done(f"{now:%Y-%m-%d %H:%M} UTC, on the way to {end:%Y-%m-%d %H:%M}")
            due += ((now - due) // stride + 1) * stride

    return tell
