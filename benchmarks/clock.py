"""Fair timing: the two sides in turn, so that a machine whose speed drifts drifts for both."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Pair:
    """Seconds of each run of the two sides."""

    ours_s: list[float]
    theirs_s: list[float]

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer, the median over pairs."""
        return statistics.median(theirs / ours for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True))


def time_in_turn(ours: Callable[[], object], theirs: Callable[[], object], *, runs: int) -> Pair:
    """Warm both up once, then run A B A B …."""
    ours()
    theirs()
    pair = Pair([], [])
    for _ in range(runs):
        pair.ours_s.append(_time(ours))
        pair.theirs_s.append(_time(theirs))
    return pair


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
