"""Waiting for the loop: each step is watched where it leaves its trace, and has a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_S = 0.5
DATA_LIMIT_S = 3600.0
TRAINING_LIMIT_S = 7200.0
ROLLOUT_LIMIT_S = 3600.0


class StepFailedError(NoribaError):
    """A step of the loop failed, or did not happen; the message holds its cause."""


def wait_until(look: Callable[[], T | None], what: str, *, limit_s: float) -> T:
    """What a look finds, as soon as it finds something.

    Raises:
        StepFailedError: nothing within the limit.
    """
    end = time.monotonic() + limit_s
    while (found := look()) is None:
        if time.monotonic() > end:
            raise StepFailedError(f"{what} did not come within {limit_s:.0f} s; see `noriba status` and `noriba logs`")
        time.sleep(POLL_S)
    return found
