"""What a model's columns looked like in training, for whoever watches what it is asked later."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import row_count, take_rows
from noriba.records.profiles import ColumnProfile, Profile, count_bins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.features import Column, Columns
    from noriba.usecase import UseCase

BINS = 20
MOST_ROWS = 200_000
"""More say nothing new of a distribution."""
MOST_DAYS = 366
"""Of a longer history the last ones that have rows, so that each keeps rows enough to be held against others.

Not the last by the calendar: one row that says to be of 2098 would be all that is seen.
"""
_DAY_S = 86_400.0


def profile_training(use_case: UseCase, columns: Columns) -> Profile:
    """The features that a model learned from.

    Its answers are not among them: to rows that it has learned they are not what they are to others.

    Args:
        use_case: whose columns.
        columns: of the snapshot, ordered by time, shape (n,) each.
    """
    features = {name: columns[name] for name in use_case.features.names}
    return profile_columns(features, columns[use_case.data.event_time])


def profile_columns(columns: Mapping[str, Column], times_s: Column) -> Profile:
    """Count columns by day and by bins of about equal size; shape (n,) each.

    Args:
        columns: features, by name.
        times_s: of the rows, in seconds since 1970 UTC, ascending.
    """
    begin = int(_find_starts(np.floor(times_s / _DAY_S))[-MOST_DAYS:][0])
    thin = begin + _thin(len(times_s) - begin)
    taken, day = take_rows(columns, thin), np.floor(times_s[thin] / _DAY_S)
    row_count(taken)
    starts = np.append(_find_starts(day), len(day))
    return Profile(
        days=tuple(datetime.fromtimestamp(day[start] * _DAY_S, UTC).date() for start in starts[:-1]),
        columns={name: _profile(values, starts) for name, values in taken.items()},
    )


def _find_starts(day: Column) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Where each day's rows begin; shape (days that have rows,)."""
    return np.flatnonzero(np.diff(day, prepend=-np.inf))


def _thin(rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Which rows are looked at, in order.

    Drawn, not taken evenly: requests that are compared with them come as they come, and what follows the time, such as
    the hour, would be spread more evenly in training than it can be in any of them. The same ones for the same number.
    """
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))


def _profile(values: Column, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> ColumnProfile:
    known = values[~np.isnan(values)]
    # A column of few values has few edges: each of its values is a bin then.
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher")) if len(known) else known
    days = (values[begin:end] for begin, end in pairwise(starts))
    counts = tuple(tuple(count_bins(day, edges.tolist()).tolist()) for day in days)
    return ColumnProfile(edges=tuple(edges.tolist()), counts=counts)
