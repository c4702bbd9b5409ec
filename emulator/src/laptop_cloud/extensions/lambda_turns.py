"""Which invocation of a function runs now, and which waits for another one's environment."""

from __future__ import annotations

import os
import threading
from collections import defaultdict

_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
_WORTH_A_START_S = 0.2
_LONGEST_QUEUE_S = 60.0


class Turns:
    """Those of one function: another invocation runs beside the others once it has waited longer than a start is worth.

    Lambda would start a hundred environments for a hundred events. Here each start takes a processor from those that
    are at work: where all asked but a moment at once, it makes them slower, so that more are asked at once.
    """

    def __init__(self) -> None:
        self._free = threading.Semaphore(1)
        self._more = threading.Semaphore(_AT_ONCE - 1)

    def take(self) -> bool:
        """Wait for a turn; whether there is one to give back.

        A function that waits for itself would wait for ever, so nobody waits longer than a minute.
        """
        return (
            self._free.acquire(timeout=_WORTH_A_START_S)
            or self._more.acquire(blocking=False)
            or self._free.acquire(timeout=_LONGEST_QUEUE_S)
        )

    def give_back(self) -> None:
        """Let the next one run."""
        self._free.release()


_turns: defaultdict[str, Turns] = defaultdict(Turns)
"""By function ARN."""


def find_turns(function_arn: str) -> Turns:
    """The turns of a function."""
    return _turns[function_arn]
