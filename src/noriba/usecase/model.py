"""What a model learns besides its features: encoders, pace, and the baseline that it must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column, Columns


@dataclass(frozen=True)
class EncoderSpec:
    """A fitted encoder: the typical label for a group of past rows, learned in training and shipped with the model.

    What it learns is the mean logarithm of the pace; the column it adds is that mean times the row's own length, in
    the logarithm of the label.

    Attributes:
        name: the column it adds.
        keys: the feature columns whose values make a group.
        prior_rows: weight of the parent's value, in rows: a group of so many rows is believed halfway.
        parent: the coarser encoder that a small or unseen group falls back to; None falls back to the overall value.
    """

    name: str
    keys: tuple[str, ...]
    prior_rows: float
    parent: str | None = None


@dataclass(frozen=True)
class PaceSpec:
    """How a label becomes a pace, which groups of rows share more than they share the label itself.

    The pace is label / (length + offset); encoders learn its logarithm, and the naive baseline its median.

    Attributes:
        length: the feature that measures how much there is to do.
        offset: in the length's unit; what a row costs before it begins (finding the street, waiting at a light).
    """

    length: str
    offset: float

    def measure_log_length(self, columns: Columns) -> Column:
        """log(length + offset) of each row, shape (n,)."""
        return np.log(columns[self.length] + self.offset)


@dataclass(frozen=True)
class ModelSpec:
    """How features become an answer. All columns named here are features: nothing else is there when a model answers.

    Attributes:
        baseline_keys: the naive baseline is the median within groups of these; of all rows when there are none.
        encoders: fitted encoders, parents before children.
        pace: how a label is made comparable between rows of different length; None where all are of one length.
    """

    baseline_keys: tuple[str, ...] = ()
    encoders: Sequence[EncoderSpec] = ()
    pace: PaceSpec | None = None
