"""Conformal calibration: an interval that covers what it claims.

Conformalized quantile regression (Romano, Patterson, Candès, NeurIPS 2019), each end by itself (their asymmetric
variant): on rows that the model has not seen, the lower and the upper quantile are moved until the right share of
outcomes lies beyond each. With exchangeable rows, each end's miscoverage is then at most its nominal share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noriba.features import Column


@dataclass(frozen=True)
class IntervalShift:
    """How far the interval's ends move outwards, in the unit of the values given to `calibrate_interval`.

    Negative ends move inwards: the raw interval was too wide.
    """

    low: float
    high: float

    def apply(self, low: Column, high: Column) -> tuple[Column, Column]:
        """The calibrated ends."""
        return low - self.low, high + self.high


def calibrate_interval(
    low: Column, high: Column, outcome: Column, *, low_share: float, high_share: float
) -> IntervalShift:
    """Find the shifts.

    Args:
        low: predicted lower ends, shape (n,).
        high: predicted upper ends, shape (n,).
        outcome: what happened, shape (n,).
        low_share: the share of outcomes allowed below the interval, such as 0.1.
        high_share: the share allowed above.
    """
    return IntervalShift(
        low=_conformal_quantile(low - outcome, low_share), high=_conformal_quantile(outcome - high, high_share)
    )


def _conformal_quantile(scores: Column, share: float) -> float:
    """The ⌈(n + 1)(1 − share)⌉-th smallest score, or the largest when n is too small for that."""
    rank = int(np.ceil((len(scores) + 1) * (1.0 - share)))
    return float(np.partition(scores, min(rank, len(scores)) - 1)[min(rank, len(scores)) - 1])
