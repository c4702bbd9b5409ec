"""Drive a cloud that has a clock of its own: read it, move it, wait until nothing is going on, let time pass.

All durations of waiting are real ones; what the clock tells are moments with their time zone.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.process import RunningCloud

CLOCK = "/_laptop_cloud/clock"
"""`GET` it, or `POST` where to move it: `{"to": "2026-03-01T00:00:00+00:00"}`."""
BUSY = "/_laptop_cloud/busy"
"""`GET` what is going on; with `?until_idle_s=10`, when nothing is any more, or after so many seconds."""

_ANSWER_LIMIT_S = 120.0
_PATIENCE_S = 10.0
"""How long one question may wait for its answer."""
_TICK = timedelta(milliseconds=50)
"""How far the clock may tick between a look at it and its move."""


class DrivingError(RuntimeError):
    """The clock could not be read or moved; the message says why."""


class MomentIsOverError(DrivingError):
    """The clock cannot go there: it only moves forward."""


class StillBusyError(DrivingError):
    """Something is going on for longer than was waited; the message names it."""


class CloudClock(BaseModel):
    """What a cloud's clock tells.

    Args:
        now: the moment.
        next_due: when the next thing falls due that is known already: a wait or a timeout ends, a scheduled rule fires,
            an alarm changes its state for want of data. None when there is none.
    """

    model_config = ConfigDict(frozen=True)

    now: AwareDatetime
    next_due: AwareDatetime | None


def read_clock(cloud: RunningCloud) -> CloudClock:
    """What the clock tells now.

    Raises:
        DrivingError: the cloud has no clock of its own, or does not answer.
    """
    return CloudClock.model_validate(_ask(cloud, CLOCK))


def move_clock(cloud: RunningCloud, to: datetime) -> CloudClock:
    """Move the clock at once; returns when all that fell due on the way is started, and not when it is done.

    A scheduled rule that it was moved past several times fires once; `pass_time` lets it fire each time.

    Raises:
        MomentIsOverError: the clock has passed it.
        DrivingError: it names no time zone, or the cloud has no clock of its own.
    """
    return CloudClock.model_validate(_ask(cloud, CLOCK, {"to": to.isoformat()}))


def find_work(cloud: RunningCloud) -> list[str]:
    """What is going on now, by name. Executions that only wait for the clock or for an answer are not.

    Raises:
        DrivingError: the cloud has no clock of its own, or does not answer.
    """
    return [str(name) for name in _ask(cloud, BUSY)["busy"]]


def wait_until_idle(cloud: RunningCloud, *, limit_s: float = 600.0) -> None:
    """Wait until nothing is going on.

    Raises:
        StillBusyError: something goes on for longer than `limit_s` seconds.
        DrivingError: as `find_work`.
    """
    end_s = time.monotonic() + limit_s
    while not (found := _ask(cloud, f"{BUSY}?until_idle_s={min(_PATIENCE_S, limit_s)}"))["idle"]:
        if time.monotonic() > end_s:
            raise StillBusyError(f"after {limit_s:.0f} s there is still going on: {', '.join(found['busy'])}")


def pass_time(
    cloud: RunningCloud,
    to: datetime,
    *,
    at_least: timedelta | None = None,
    limit_s: float = 600.0,
    passed: Callable[[datetime], object] | None = None,
) -> CloudClock:
    """Let time pass up to a moment: go from one thing that falls due to the next, and wait until each is done.

    So everything happens when it would have happened, and each time that it would have.

    Args:
        cloud: whose.
        to: when to stop.
        at_least: how far one move goes, where things fall due in quick succession; they then happen together.
        limit_s: what may go on between two moves, in real seconds.
        passed: told after each move where the clock stands.

    Raises:
        StillBusyError: as `wait_until_idle`.
        MomentIsOverError: the clock has passed the moment already.
        DrivingError: as `move_clock`.
    """
    if read_clock(cloud).now > to:
        # Refused, with the reason.
        return move_clock(cloud, to)
    while True:
        wait_until_idle(cloud, limit_s=limit_s)
        clock = read_clock(cloud)
        if clock.now >= to:
            return clock
        step = to if clock.next_due is None else min(to, clock.next_due)
        if at_least is not None:
            step = min(to, max(step, clock.now + at_least))
        # What falls due now is over when the move arrives. Should it take longer still, the next one will do.
        with suppress(MomentIsOverError):
            clock = move_clock(cloud, max(step, clock.now + _TICK))
        if passed is not None:
            passed(clock.now)


def _ask(cloud: RunningCloud, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{cloud.endpoint_url}{path}", data=data)  # noqa: S310 -- ours
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_LIMIT_S) as answer:  # noqa: S310 -- as above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise _explain(cloud, error) from error
    except OSError as error:
        raise DrivingError(f"the laptop cloud at {cloud.endpoint_url} does not answer: {error}") from error


def _explain(cloud: RunningCloud, error: urllib.error.HTTPError) -> DrivingError:
    # A cloud without a clock takes the path for one of its services'.
    if cloud.clock is None:
        return DrivingError(f"the laptop cloud at {cloud.endpoint_url} lives in real time: start it with a clock")
    try:
        reason = str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        reason = str(error)
    return MomentIsOverError(reason) if error.code == HTTPStatus.CONFLICT else DrivingError(reason)
