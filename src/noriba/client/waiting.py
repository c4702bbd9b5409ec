"""Waiting for the loop: each step is watched where it leaves its trace, and has a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.executions import Execution, MachineHistory

T = TypeVar("T")

POLL_S = 0.5
DATA_LIMIT_S = 3600.0
TRAINING_LIMIT_S = 7200.0
ROLLOUT_LIMIT_S = 3600.0
_WHERE_TO_LOOK = "see `noriba status` and `noriba logs`"


class StepFailedError(NoribaError):
    """A step of the loop failed, or did not happen; the message holds its cause."""


def wait_until(look: Callable[[], T | None], what: str, *, limit_s: float) -> T:
    """What a look finds, as soon as it finds something.

    Raises:
        StepFailedError: nothing within the limit.
    """
    return _wait(look, f"{what} did not come within {limit_s:.0f} s; {_WHERE_TO_LOOK}", limit_s=limit_s)


def wait_for_end(
    history: MachineHistory, execution: str, what: str, *, limit_s: float, remedy: str = _WHERE_TO_LOOK
) -> Execution:
    """An execution as it ended, well or not.

    Args:
        history: of its machine.
        execution: its ARN.
        what: it is, for the message.
        limit_s: for how long to wait.
        remedy: what to do when it goes on after that.

    Raises:
        StepFailedError: it did not end within the limit.
    """

    def look() -> Execution | None:
        # One that has just begun need not be known yet: DescribeExecution is eventually consistent.
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        found = history.look_up(execution)
        return None if found is None or found.is_running else found

    return _wait(look, f"{what} did not end within {limit_s:.0f} s; {remedy}", limit_s=limit_s)


def _wait(look: Callable[[], T | None], too_late: str, *, limit_s: float) -> T:
    end = time.monotonic() + limit_s
    while (found := look()) is None:
        if time.monotonic() > end:
            raise StepFailedError(too_late)
        time.sleep(POLL_S)
    return found
