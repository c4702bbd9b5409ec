"""What two models do to a metric: the difference between two groups of subjects, with bounds that may be looked at.

One person's rides are like each other, and so are all rides of one hour. Errors of the first kind are seen by summing
over groups of subjects (`noriba.rollout.assignment`), those of the second by summing over blocks of time; the wider of
the two bounds counts.

A subject belongs to the side that it was given to, whoever answered in the end: a model that fails and is answered for
by the other one would otherwise choose its own rides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from noriba.rollout.assignment import GROUPS, belongs_to_challenger
from noriba.rollout.confidence import (
    FEWEST_PARTS,
    Blocks,
    Interval,
    bound_difference,
    bound_parts,
    bound_people,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noriba.features import Column
    from noriba.usecase import Mask

Groups: TypeAlias = "NDArray[np.int64]"
SPLIT_ALPHA = 0.01
"""How often a split that is as it should be is called uneven, ever."""
SPLIT_TUNED_FOR = 20_000


@dataclass(frozen=True)
class Measured:
    """One metric, where it is known; all of shape (n,).

    Attributes:
        values: in the metric's unit.
        times_s: when their requests were asked, in seconds since 1970, ascending.
        groups: of the subjects.
        challenger: whether the group is the challenger's.
    """

    values: Column
    times_s: Column
    groups: Groups
    challenger: Mask

    def first(self, n: int) -> Measured:
        """Those that were asked about first."""
        return Measured(self.values[:n], self.times_s[:n], self.groups[:n], self.challenger[:n])


@dataclass(frozen=True)
class MeasuredEffect:
    """Means of the two, NaN where nothing was measured, and the challenger's less the champion's."""

    champion: float
    challenger: float
    difference: Interval


@dataclass(frozen=True)
class SplitCheck:
    """Whether the challenger answers as many requests as it should.

    Attributes:
        expected: its share, as it was asked for.
        share: as it is; bounds are of the share too.
        uneven: whether the share is certainly another; None where too little is known.
    """

    expected: float
    share: Interval
    uneven: bool | None


def measure_effect(measured: Measured, *, alpha: float, tuned_for: int) -> MeasuredEffect:
    """The challenger's mean less the champion's.

    Args:
        measured: the metric.
        alpha: the probability that the difference is ever outside of the bounds.
        tuned_for: the number of measurements at which the bounds are to be tightest.

    Returns:
        Bounds that are infinite as long as there are fewer than twelve blocks of time, or thirty groups on a side.
    """
    theirs = measured.challenger
    sides = [(measured.values[side], measured.times_s[side], measured.groups[side]) for side in (theirs, ~theirs)]
    by_time, by_group = (
        [Blocks.of(values, times_s) for values, times_s, _groups in sides],
        [Blocks.of(values, groups.astype(np.float64), block_s=1) for values, _times_s, groups in sides],
    )
    bounds = (
        bound_difference(*by_time, alpha=alpha, tuned_for=tuned_for),
        bound_people(*by_group, alpha=alpha, tuned_for=tuned_for),
    )
    challenger, champion = by_time
    return MeasuredEffect(champion.mean, challenger.mean, max(bounds, key=lambda one: one.width))


def check_split(groups: Groups, challenger: Mask, *, percent: int) -> SplitCheck:
    """Whether each model answers the share of requests that it was given: if not, something tells the groups apart.

    Elsewhere it is called the test for a sample ratio mismatch.

    A model that fails and is answered for, captures that are lost, an app that asks once more when it dislikes an
    answer: whatever it is, the two groups are not alike any more, and no effect means what it says. Requests are
    counted by group of subjects, for some ask a hundred times as often as others; a test of single requests would cry
    wolf.

    Args:
        groups: of the subjects, shape (n,).
        challenger: whether the challenger answered, shape (n,).
        percent: of the groups, given to the challenger.
    """
    n, expected = len(groups), percent / 100
    if not n:
        return SplitCheck(expected, Interval(0, math.nan, -math.inf, math.inf), None)
    excess = np.bincount(groups, challenger.astype(np.float64) - expected, GROUPS)
    asked = np.bincount(groups, minlength=GROUPS) > 0
    theirs = np.array([belongs_to_challenger(group, percent=percent) for group in range(GROUPS)])
    # How many groups each has is no accident: only what varies among the groups of one side is.
    sides = [excess[side] - excess[side].mean() for side in (theirs, ~theirs)]
    off = bound_parts(*sides, n=n, estimate=float(excess.sum() / n), alpha=SPLIT_ALPHA, tuned_for=SPLIT_TUNED_FOR)
    share = Interval(n, expected + off.estimate, expected + off.lower, expected + off.upper)
    known = min(np.count_nonzero(asked & theirs), np.count_nonzero(asked & ~theirs)) >= FEWEST_PARTS
    return SplitCheck(expected, share, not off.lower <= 0 <= off.upper if known else None)
