"""The naive baseline that a model must beat: the median pace of a group, times the length of the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.training.encoders import UNSEEN, GroupIndex, measure_log_length, measure_log_pace

if TYPE_CHECKING:
    from noriba.features import Column, Columns
    from noriba.usecase import PaceSpec


@dataclass(frozen=True)
class MedianPace:
    """For arrival times: the median pace by hour of the day, times the straight-line distance."""

    keys: tuple[str, ...]
    pace: PaceSpec | None
    index: GroupIndex
    log_paces: Column
    overall: float

    def predict(self, columns: Columns) -> Column:
        """Predicted labels; groups that never occurred get the overall median."""
        group = _number_groups(self.index, self.keys, columns)
        log_pace = np.where(group == UNSEEN, self.overall, self.log_paces[group])
        return np.exp(log_pace + measure_log_length(columns, self.pace))


def fit_baseline(keys: tuple[str, ...], pace: PaceSpec | None, columns: Columns, label: Column) -> MedianPace:
    """Fit on everything before the hold-out."""
    log_pace = measure_log_pace(columns, label, pace)
    index = GroupIndex.of(_take_keys(keys, columns))
    group = _number_groups(index, keys, columns)
    overall = float(np.median(log_pace))
    medians = [np.median(log_pace[group == number]) for number in range(len(index.groups))]
    return MedianPace(keys, pace, index, np.array([*medians], dtype=np.float64), overall)


def _take_keys(keys: tuple[str, ...], columns: Columns) -> list[Column]:
    """The columns that make groups; without any, all rows are one."""
    return [columns[key] for key in keys] or [np.zeros(len(next(iter(columns.values()))))]


def _number_groups(
    index: GroupIndex, keys: tuple[str, ...], columns: Columns
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return index.number(_take_keys(keys, columns))
