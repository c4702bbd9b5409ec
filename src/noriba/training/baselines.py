"""The naive baseline that a model must beat: the median pace of a group, times the length of the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.training.encoders import UNSEEN, GroupIndex, measure_log_pace

if TYPE_CHECKING:
    from noriba.features import Column, Columns
    from noriba.usecase import PaceSpec


@dataclass(frozen=True)
class MedianPace:
    """For arrival times: the median pace by hour of the day, times the straight-line distance."""

    keys: tuple[str, ...]
    pace: PaceSpec
    index: GroupIndex
    log_paces: Column
    overall: float

    def predict(self, columns: Columns) -> Column:
        """Predicted labels; groups that never occurred get the overall median."""
        group = self.index.number([columns[key] for key in self.keys])
        log_pace = np.where(group == UNSEEN, self.overall, self.log_paces[group])
        return np.exp(log_pace) * (columns[self.pace.length] + self.pace.offset)


def fit_baseline(keys: tuple[str, ...], pace: PaceSpec, columns: Columns, label: Column) -> MedianPace:
    """Fit on everything before the hold-out."""
    log_pace = measure_log_pace(columns, label, pace)
    index = GroupIndex.of([columns[key] for key in keys])
    group = index.number([columns[key] for key in keys])
    overall = float(np.median(log_pace))
    medians = [np.median(log_pace[group == number]) for number in range(len(index.groups))]
    return MedianPace(keys, pace, index, np.array([*medians], dtype=np.float64), overall)
