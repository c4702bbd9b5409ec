"""Bounds on a mean that hold however often one looks: asymptotic confidence sequences.

A confidence interval is good for one look, planned beforehand. A rollout looks after every batch of outcomes and stops
when the answer is clear; an interval would then be wrong far more often than it says. A confidence sequence holds at
all times at once, with the same probability.

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and asymptotic confidence sequences,
    Annals of Statistics 52 (2024), theorem 2.2 and equation (10). https://arxiv.org/abs/2103.06476

Outcomes of the same hour depend on each other: a jam slows all of them. So the variance is not that of single outcomes
but the long-run one, from sums over blocks of time; see `Blocks`. docs/adr/0028 says what was weighed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noriba.features import Column

BLOCK_S = 900.0
FEWEST_BLOCKS = 12
"""From fewer sums a variance is not known well enough to be believed."""
FEWEST_PARTS = 30
"""Of one side of a difference; people differ more than hours do."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds, in the unit of what was measured; `n` outcomes are in it."""

    n: int
    estimate: float
    lower: float
    upper: float

    @property
    def width(self) -> float:
        """Between the bounds; infinite as long as they say nothing."""
        return self.upper - self.lower

    def to_json(self) -> dict[str, float | None]:
        """Estimate and bounds as JSON can hold them: what says nothing is null."""
        numbers = {"estimate": self.estimate, "lower": self.lower, "upper": self.upper}
        return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


@dataclass(frozen=True)
class Blocks:
    """Measurements summed over blocks of time: all that the bounds need, and no more than a query can give.

    Attributes:
        starts_s: when each block begins, in seconds since 1970, ascending; shape (k,), like the others.
        counts: how many measurements fell into it.
        totals: their sum.
        squares: the sum of their squares.
    """

    starts_s: NDArray[np.float64]
    counts: NDArray[np.float64]
    totals: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, values: Column, times_s: Column, *, block_s: float = BLOCK_S) -> Self:
        """Sum measurements up, whatever order they come in; both of shape (n,)."""
        starts, block = np.unique(np.floor(times_s / block_s) * block_s, return_inverse=True)
        counts, totals, squares = (
            np.bincount(block, weights, len(starts)).astype(np.float64)
            for weights in (np.ones_like(values), values, values**2)
        )
        return cls(starts, counts, totals, squares)

    @property
    def n(self) -> int:
        """How many measurements there are."""
        return round(float(self.counts.sum()))

    @property
    def mean(self) -> float:
        """Their mean; NaN where there is none."""
        return float(self.totals.sum() / self.counts.sum()) if self.n else math.nan


def bound_mean(blocks: Blocks, *, alpha: float, tuned_for: int) -> Interval:
    """The mean of paired differences, with bounds that hold at all times together with probability 1 − alpha.

    Args:
        blocks: the differences.
        alpha: the probability that the mean is ever outside.
        tuned_for: the number of outcomes at which the bounds are to be tightest; they hold at any other, too.

    Returns:
        Bounds that are infinite as long as nothing is known of the variance.
    """
    residuals = blocks.totals - blocks.counts * blocks.mean if blocks.n else blocks.totals
    single = float(blocks.squares.sum() / blocks.n - blocks.mean**2) if blocks.n else math.nan
    return _bound(blocks.n, blocks.mean, _find_variance(residuals, blocks.n, single), alpha, tuned_for)


def bound_difference(challenger: Blocks, champion: Blocks, *, alpha: float, tuned_for: int) -> Interval:
    """The difference between the means of two groups that were asked different requests; negative where less.

    What slows a whole block slows both groups, and falls out of the difference. Each group's measurements count by the
    group's share (they are the influence of a measurement on the difference of means).
    """
    n = challenger.n + champion.n
    if not challenger.n or not champion.n:
        return Interval(n, math.nan, -math.inf, math.inf)
    influence: dict[float, float] = {}
    single = 0.0
    for group, sign in ((challenger, 1.0), (champion, -1.0)):
        weight = n / group.n
        for start, residual in zip(group.starts_s, group.totals - group.counts * group.mean, strict=True):
            influence[start] = influence.get(start, 0.0) + sign * weight * residual
        single += weight**2 * float(group.squares.sum() - group.n * group.mean**2) / n
    residuals = np.array([influence[start] for start in sorted(influence)])
    difference = challenger.mean - champion.mean
    return _bound(n, difference, _find_variance(residuals, n, single), alpha, tuned_for)


def bound_parts(*sides: NDArray[np.float64], n: int, estimate: float, alpha: float, tuned_for: int) -> Interval:
    """An estimate whose error is the sum of parts that have nothing to do with each other, over n.

    Args:
        sides: parts of each side, of shape (k,), whose sum is 0 by construction; each part is what one of them adds to
            n times the error.
        n: measurements in all.
        estimate: what is bounded.
        alpha: the probability that the truth is ever outside.
        tuned_for: see `bound_mean`.

    Returns:
        Bounds that are infinite where a side has fewer than `FEWEST_PARTS`.
    """
    if min(map(len, sides)) < FEWEST_PARTS:
        return _bound(n, estimate, math.nan, alpha, tuned_for)
    # Each side has lost one of its parts to its mean.
    variance = sum(float(parts @ parts) * len(parts) / (len(parts) - 1) for parts in sides) / n
    return _bound(n, estimate, variance, alpha, tuned_for)


def bound_people(challenger: Blocks, champion: Blocks, *, alpha: float, tuned_for: int) -> Interval:
    """The difference between the means of two sets of people, by sums over groups of them instead of blocks of time.

    The bounds of this module are for sums of what is new at each look. What a person adds is not all new: it is, in
    part, the same taste again. For Gaussian errors that makes the bounds too wide, never too narrow: of two processes
    with the same variances, the one whose looks are more alike strays less far (Slepian, The one-sided barrier problem
    for Gaussian noise, Bell System Technical Journal 41, 1962).

    Args:
        challenger: measurements of those who met it, summed by group; `starts_s` are numbers of groups.
        champion: those of the others.
        alpha: the probability that the difference is ever outside.
        tuned_for: see `bound_mean`.
    """
    n = challenger.n + champion.n
    if not challenger.n or not champion.n:
        return Interval(n, math.nan, -math.inf, math.inf)
    sides = (n / side.n * (side.totals - side.counts * side.mean) for side in (challenger, champion))
    return bound_parts(*sides, n=n, estimate=challenger.mean - champion.mean, alpha=alpha, tuned_for=tuned_for)


def find_margin(n: int, *, alpha: float, tuned_for: int) -> float:
    """How far the mean of n measurements of variance 1 may be from the truth, at all n together.

    Equation (10) of the paper for `tuned_for`, theorem 2.2 for the rest.
    """
    log_alpha = math.log(alpha)
    rho2 = (-2 * log_alpha + math.log(1 - 2 * log_alpha)) / tuned_for
    spread = n * rho2 + 1
    return math.sqrt(2 * spread / (n * n * rho2) * (math.log(spread) / 2 - log_alpha))


def _bound(n: int, estimate: float, variance: float, alpha: float, tuned_for: int) -> Interval:
    if not variance > 0:
        return Interval(n, estimate, -math.inf, math.inf)
    margin = math.sqrt(variance) * find_margin(n, alpha=alpha, tuned_for=tuned_for)
    return Interval(n, estimate, estimate - margin, estimate + margin)


def _find_variance(residuals: NDArray[np.float64], n: int, single: float) -> float:
    """The long-run variance of one measurement, from residuals summed over blocks.

    Nobody knows how long dependence lasts. So blocks are joined, two by two, as long as there are enough of them; the
    largest variance counts. NaN where there are too few to begin with.
    """
    if len(residuals) < FEWEST_BLOCKS:
        return math.nan
    variance = single
    while (blocks := len(residuals)) >= FEWEST_BLOCKS:
        variance = max(variance, float(residuals @ residuals) / n * blocks / (blocks - 1))
        residuals = np.add.reduceat(residuals, np.arange(0, blocks, 2))
    return variance
