"""profile.json: how the columns that a model learned from were distributed, day by day.

Drift is measured against it. Days stand apart because days differ by themselves: how much, is what tells drift from a
rainy Tuesday.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noriba.features import Column

PROFILE_FILE = "profile.json"


class ColumnProfile(BaseModel):
    """One column.

    Attributes:
        edges: of k + 1 bins, ascending, shape (k,); a bin holds its lower edge.
        counts: of rows by day, and by bin with the unknown ones last; shape (days, k + 2).
    """

    model_config = ConfigDict(frozen=True)

    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


class Profile(BaseModel):
    """All columns of a model, by name.

    Attributes:
        days: in UTC, ascending; of rows that were looked at.
        columns: a profile each.
    """

    model_config = ConfigDict(frozen=True)

    days: tuple[date, ...]
    columns: dict[str, ColumnProfile]


def count_bins(values: Column, edges: Sequence[float]) -> NDArray[np.int64]:
    """How many values fall into each bin, and last, how many are unknown (NaN).

    Args:
        values: of shape (n,).
        edges: of shape (k,), ascending.

    Returns:
        Counts of shape (k + 2,).
    """
    unknown = np.isnan(values)
    bins = np.searchsorted(np.asarray(edges, dtype=np.float64), values[~unknown], side="right")
    counts = np.bincount(bins, minlength=len(edges) + 2).astype(np.int64)
    counts[-1] = np.count_nonzero(unknown)
    return counts
