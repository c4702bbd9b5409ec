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
    from noriba.training.models import Model
    from noriba.usecase import UseCase

BINS = 20
MOST_ROWS = 200_000
"""More say nothing new of a distribution; they are taken evenly over the whole time."""
_DAY_S = 86_400.0


def profile_training(use_case: UseCase, model: Model, columns: Columns) -> Profile:
    """The features that a model learned from, and its answers to those rows.

    Args:
        use_case: whose columns.
        model: trained on them.
        columns: of the snapshot, ordered by time, shape (n,) each.
    """
    rows = _thin(len(columns[use_case.data.event_time]))
    taken = take_rows({name: columns[name] for name in use_case.features.names}, rows)
    answers = model.load().predict_features(taken).value
    return profile_columns({**taken, use_case.answer.value: answers}, columns[use_case.data.event_time][rows])


def profile_columns(columns: Mapping[str, Column], times_s: Column) -> Profile:
    """Count columns by day and by bins of about equal size; shape (n,) each.

    Args:
        columns: features and predictions, by name.
        times_s: of the rows, in seconds since 1970 UTC, ascending.
    """
    thin = _thin(len(times_s))
    taken, day = take_rows(columns, thin), np.floor(times_s[thin] / _DAY_S)
    row_count(taken)
    starts = np.concatenate([np.flatnonzero(np.diff(day, prepend=-np.inf)), [len(day)]])
    return Profile(
        days=tuple(datetime.fromtimestamp(day[start] * _DAY_S, UTC).date() for start in starts[:-1]),
        columns={name: _profile(values, starts) for name, values in taken.items()},
    )


def _thin(rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.unique(np.linspace(0, rows - 1, min(MOST_ROWS, rows)).astype(np.int64))


def _profile(values: Column, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> ColumnProfile:
    known = values[~np.isnan(values)]
    # A column of few values has few edges: each of its values is a bin then.
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher")) if len(known) else known
    days = (values[begin:end] for begin, end in pairwise(starts))
    counts = tuple(tuple(count_bins(day, edges.tolist()).tolist()) for day in days)
    return ColumnProfile(edges=tuple(edges.tolist()), counts=counts)
