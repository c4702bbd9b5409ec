"""Splits by time, never shuffled: a model is evaluated on what came after everything that it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.errors import NotEnoughDataError

if TYPE_CHECKING:
    from noriba.features import Column

MIN_ROWS_PER_SLICE = 200
"""With fewer calibration rows, an 80 % interval cannot be told from a 75 % one."""


@dataclass(frozen=True)
class TimeSplit:
    """Three stretches of rows ordered by time: fit, then calibrate, then evaluate.

    Attributes:
        fit: rows that the model learns from.
        calibration: rows that widen or narrow its interval.
        holdout: rows to evaluate it on; nothing else ever sees them.
    """

    fit: slice
    calibration: slice
    holdout: slice


def split_by_time(event_time_s: Column, *, calibration_share: float, holdout_share: float) -> TimeSplit:
    """Cut rows, already ordered by time, into fit, calibration and hold-out.

    Rows of one instant stay together, so that no moment stands on two sides.

    Raises:
        NotEnoughDataError: a slice would have fewer than 200 rows.
        ValueError: rows are not ordered by time.
    """
    if np.any(np.diff(event_time_s) < 0):
        raise ValueError("rows must be ordered by time before they are split")
    rows = len(event_time_s)
    first_calibration = _start_of_instant(event_time_s, round(rows * (1 - calibration_share - holdout_share)))
    first_holdout = _start_of_instant(event_time_s, round(rows * (1 - holdout_share)))
    split = TimeSplit(slice(0, first_calibration), slice(first_calibration, first_holdout), slice(first_holdout, rows))
    for name, part in vars(split).items():
        if part.stop - part.start < MIN_ROWS_PER_SLICE:
            raise NotEnoughDataError(
                f"{rows} rows leave {part.stop - part.start} for {name}; at least {MIN_ROWS_PER_SLICE} are needed, "
                "land more data"
            )
    return split


def _start_of_instant(event_time_s: Column, row: int) -> int:
    """The first row of the instant that `row` belongs to."""
    return int(np.searchsorted(event_time_s, event_time_s[row], side="left")) if row < len(event_time_s) else row
