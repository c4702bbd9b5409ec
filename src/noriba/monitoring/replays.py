"""A replayed day in numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from noriba.records.replays import ReplayDay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import ArrayLike

_DECIMALS = 4


def measure_day(  # columns of one table
    day: date,
    *,
    outcomes: ArrayLike,
    values: ArrayLike,
    lows: ArrayLike,
    highs: ArrayLike,
    versions: Sequence[int],
    frozen: ArrayLike,
) -> ReplayDay:
    """A day's row of the report; all columns of shape (n,), in the label's unit.

    Args:
        day: which, in UTC.
        outcomes: what really happened.
        values: what production answered.
        lows: lower ends of its intervals.
        highs: upper ends.
        versions: which model answered.
        frozen: what the first model answers.
    """
    truth, found, first = (np.asarray(column, dtype=np.float64) for column in (outcomes, values, frozen))
    counted = Counter(versions)
    within = (np.asarray(lows, dtype=np.float64) <= truth) & (truth <= np.asarray(highs, dtype=np.float64))
    return ReplayDay(
        date=day,
        n=len(truth),
        mae_s=_average(np.abs(found - truth)),
        bias_s=_average(found - truth),
        coverage=_average(within.astype(np.float64)),
        # Of two that answered as often, the later one: production is its own when the day ends.
        model_version=max(counted, key=lambda version: (counted[version], version), default=None),
        model_versions=dict(sorted(counted.items())),
        frozen_mae_s=_average(np.abs(first - truth)),
        frozen_bias_s=_average(first - truth),
    )


def _average(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    return round(float(values.mean()), _DECIMALS) if len(values) else None
