"""The rows that a window takes, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import take_rows
from noriba.training.baselines import fit_baseline
from noriba.training.changes import find_last_change
from noriba.usecase.windows import LastDays, RecentFirst, SinceChange

if TYPE_CHECKING:
    from noriba.features import Column, Columns
    from noriba.usecase import UseCase, Window

DAY_S = 86_400.0
_HALF = np.log(0.5)


@dataclass(frozen=True)
class Sample:
    """Rows to learn from.

    Attributes:
        rows: which ones.
        weights: how much each counts, the latest 1, shape (rows,); None when all count alike.
    """

    rows: slice
    weights: Column | None = None


def take_window(window: Window, use_case: UseCase, columns: Columns, fit: slice) -> Sample:
    """What a window takes of the rows that may be learned from.

    Args:
        window: which part of the past.
        use_case: whose rows.
        columns: features and label, ordered by time, shape (n,) each.
        fit: the rows that may be learned from; no others are looked at.
    """
    times_s = columns[use_case.data.event_time][fit]
    if isinstance(window, LastDays):
        return Sample(_begin_at(times_s, times_s[-1] - window.days * DAY_S, fit))
    if isinstance(window, RecentFirst):
        age_days = (times_s[-1] - times_s) / DAY_S
        return Sample(fit, np.exp(_HALF * age_days / window.half_life_days))
    if isinstance(window, SinceChange):
        learned = take_rows(columns, np.arange(fit.start, fit.stop))
        return Sample(_begin_at(times_s, find_change_s(use_case, learned, min_days=window.min_days), fit))
    return Sample(fit)


def find_change_s(use_case: UseCase, columns: Columns, *, min_days: int) -> float:
    """Since when labels have been what they are now, beside what the baseline expects; the first row without a change.

    The residual is the logarithm of the label over the baseline's answer, so that more long rides are no change; a day
    is a value, its mean.

    Args:
        use_case: what is expected.
        columns: features and label, ordered by time, shape (n,) each.
        min_days: between two changes.
    """
    label, times_s = columns[use_case.data.label], columns[use_case.data.event_time]
    baseline = fit_baseline(use_case.model.baseline_keys, use_case.model.pace, columns, label)
    residual = np.log(label / baseline.predict(columns))
    days, day = np.unique(np.floor(times_s / DAY_S), return_inverse=True)
    means = np.bincount(day, residual) / np.bincount(day)
    first = find_last_change(means, min_length=min_days)
    return float(days[first] * DAY_S) if first else float(times_s[0])


def _begin_at(times_s: Column, first_s: float, fit: slice) -> slice:
    return slice(fit.start + int(np.searchsorted(times_s, first_s, side="left")), fit.stop)
