"""How sure a mean over hours is, when rows of one hour, and of neighbouring ones, share their traffic.

A thousand rides in one jam are not a thousand witnesses. Hours are the blocks: the mean is a ratio of sums over them,
and its standard error is made of how these sums scatter and hang together over a few hours:

    Newey, West: A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix,
    Econometrica 55 (1987), 703-708.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FEWEST_BLOCKS = 12
"""Fewer say nothing of how they scatter."""
_LAGS = 5


@dataclass(frozen=True)
class BlockMean:
    """A mean, and its standard error; infinite where there are too few blocks."""

    mean: float
    error: float

    def lower(self, alpha: float) -> float:
        """A bound that the true mean is below with a probability of alpha."""
        return self.mean - NormalDist().inv_cdf(1 - alpha) * self.error

    def upper(self, alpha: float) -> float:
        """A bound that the true mean is above with a probability of alpha."""
        return self.mean + NormalDist().inv_cdf(1 - alpha) * self.error


def average_blocks(sums: ArrayLike, rows: ArrayLike) -> BlockMean:
    """The mean over all rows.

    Args:
        sums: of a number over the rows of each block, of shape (n,), in the order of time.
        rows: how many these are.
    """
    total, count = np.asarray(sums, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    total, count = total[count > 0], count[count > 0]
    blocks = len(count)
    if blocks == 0:
        return BlockMean(float("nan"), float("inf"))
    mean = total.sum() / count.sum()
    if blocks < FEWEST_BLOCKS:
        return BlockMean(float(mean), float("inf"))
    scatter = total - mean * count
    variance = alone = scatter @ scatter
    for lag in range(1, _LAGS + 1):
        variance += 2 * (1 - lag / (_LAGS + 1)) * (scatter[lag:] @ scatter[:-lag])
    # Hours that alternate by chance make nobody surer than independent ones; and few blocks look calmer than they are.
    variance = max(variance, alone) * blocks / (blocks - _LAGS - 1)
    return BlockMean(float(mean), float(np.sqrt(variance) / count.sum()))
