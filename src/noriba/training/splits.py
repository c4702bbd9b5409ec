"""Splits by time, never shuffled: a model is evaluated on what came after everything that it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.errors import NotEnoughDataError

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.usecase import TrainingPolicy

MIN_ROWS_PER_SLICE = 200
"""With fewer calibration rows, an 80 % interval cannot be told from a 75 % one."""

ENOUGH_ROWS = 2_000
"""Days with so many rows may judge a model: coverage is then known to within two points."""
_DAY_S = 86_400.0


@dataclass(frozen=True)
class TimeSplit:
    """Three stretches of rows ordered by time: fit, then calibrate, then evaluate.

    Attributes:
        fit: rows that the model learns from.
        calibration: rows that widen or narrow its interval, and teach its median.
        holdout: rows to evaluate it on; nothing else ever sees them.
    """

    fit: slice
    calibration: slice
    holdout: slice


def split_by_policy(event_time_s: Column, policy: TrainingPolicy) -> TimeSplit:
    """Cut rows as a use case's policy says; see `split_by_time`."""
    return split_by_time(
        event_time_s,
        calibration_share=policy.calibration_share,
        holdout_share=policy.holdout_share,
        most_days=policy.judged_days,
    )


def split_by_time(
    event_time_s: Column, *, calibration_share: float, holdout_share: float, most_days: float | None = None
) -> TimeSplit:
    """Cut rows, already ordered by time, into fit, calibration and hold-out.

    Rows of one instant stay together, so that no moment stands on two sides.

    Args:
        event_time_s: of each row, ascending, shape (n,).
        calibration_share: of all rows, at most.
        holdout_share: of all rows, at most.
        most_days: that either of the two takes, as long as these hold `ENOUGH_ROWS`; shares alone count when None.

    Raises:
        NotEnoughDataError: a slice would have fewer than 200 rows.
        ValueError: rows are not ordered by time.
    """
    if np.any(np.diff(event_time_s) < 0):
        raise ValueError("rows must be ordered by time before they are split")
    rows = len(event_time_s)
    first_holdout = round(rows * (1 - holdout_share))
    first_calibration = round(rows * (1 - calibration_share - holdout_share))
    if most_days is not None:
        first_holdout = max(first_holdout, _begin_late(event_time_s, rows, most_days))
        before = max(first_calibration, first_holdout - round(rows * calibration_share))
        first_calibration = max(before, _begin_late(event_time_s, first_holdout, most_days))
    first_calibration = _start_of_instant(event_time_s, first_calibration)
    first_holdout = _start_of_instant(event_time_s, first_holdout)
    split = TimeSplit(slice(0, first_calibration), slice(first_calibration, first_holdout), slice(first_holdout, rows))
    for name, part in vars(split).items():
        if part.stop - part.start < MIN_ROWS_PER_SLICE:
            raise NotEnoughDataError(
                f"{rows} rows leave {part.stop - part.start} for {name}; at least {MIN_ROWS_PER_SLICE} are needed, "
                "land more data"
            )
    return split


def _begin_late(event_time_s: Column, end: int, days: float) -> int:
    """Where the last days before a row begin, or earlier, so that there are rows enough."""
    if not end:
        return 0
    first = int(np.searchsorted(event_time_s, event_time_s[end - 1] - days * _DAY_S, side="left"))
    return min(first, end - ENOUGH_ROWS)


def _start_of_instant(event_time_s: Column, row: int) -> int:
    """The first row of the instant that `row` belongs to."""
    return int(np.searchsorted(event_time_s, event_time_s[row], side="left")) if row < len(event_time_s) else row
