"""Hours as they were measured of a model, and what it showed on its hold-out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from tests.unit.monitoring.hold_outs import hold_out

if TYPE_CHECKING:
    from noriba.records.evidence import Evidence

DAY = datetime(2026, 7, 1, tzinfo=UTC)
PART = "distance: far"


def measured(mae: float, *, part_mae: float | None = None) -> Evidence:
    return hold_out(mae, far=part_mae or mae)


def make_hours(
    error: float, *, hours: int = 24, rows: int = 40, part: float | None = None, seed: int = 1, **more: float
) -> list[HourMeasurement]:
    """Hours whose errors are `error` on average, those of one part in ten rows `part`."""
    rng = np.random.default_rng(seed)
    found = []
    for hour in range(hours):
        errors = rng.exponential(error, rows)
        tally = tally_up(errors, **more)
        parts = {EVERYTHING: tally}
        if part is not None:
            parts[PART] = tally_up(rng.exponential(part, rows // 4))
        found.append(HourMeasurement(hour=DAY + timedelta(hours=hour), versions={3: parts}))
    return found


def tally_up(
    errors: np.ndarray[tuple[int], np.dtype[np.float64]], covered: float = 0.8, bound: float = 2000.0
) -> AnswerTally:
    rows = len(errors)
    return AnswerTally(
        answered=2 * rows,
        requests=2 * rows,
        requests_with_outcome=rows,
        width=2 * rows * 300.0,
        with_outcome=rows,
        error=float(errors.sum()),
        abs_error=float(errors.sum()),
        bounded=float(errors[errors < bound].sum()),
        implausible=int((errors >= bound).sum()),
        covered=round(covered * int((errors < bound).sum())),
        claimed=0.8 * int((errors < bound).sum()),
    )
