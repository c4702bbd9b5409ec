"""A trained model, whole: encoders, trees and interval, from columns to calibrated quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.errors import FeatureMismatchError
from noriba.features import as_column
from noriba.features.columns import row_count, stack_columns
from noriba.features.feature_set import fingerprint_identities
from noriba.training.encoders import measure_log_length
from noriba.training.lookup import RowEncoder

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from noriba.features import Column, Columns
    from noriba.training.boosters import LoadedBoosters, QuantileBoosters
    from noriba.training.calibration import IntervalShift
    from noriba.training.encoders import FittedEncoders

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


_FEW_ROWS = 16
"""Measured: up to here, encoders are quicker asked row by row."""


@dataclass(frozen=True)
class Answers:
    """Calibrated predictions in the label's unit, each of shape (n,); low ≤ value ≤ high."""

    low: Column
    value: Column
    high: Column

    def stretch(self, factor: float) -> Answers:
        """The same medians, each end farther from its own, or nearer: by a factor in log(label).

        Args:
            factor: over 0.
        """
        low, high = (self.value * (end / self.value) ** factor for end in (self.low, self.high))
        return Answers(low, self.value, high)


@dataclass(frozen=True)
class Model:
    """What a bundle holds.

    Attributes:
        use_case: its name.
        feature_identities: `name@hash` of the columns it was trained on, in order.
        quantiles: low, middle, high.
        encoders: fitted on the fit rows.
        boosters: the trees.
        shift: the interval's calibration, in log(label).
    """

    use_case: str
    feature_identities: tuple[str, ...]
    quantiles: tuple[float, float, float]
    encoders: FittedEncoders
    boosters: QuantileBoosters
    shift: IntervalShift

    @property
    def claimed_coverage(self) -> float:
        """The share of outcomes that the interval promises to hold."""
        return self.quantiles[2] - self.quantiles[0]

    @property
    def feature_fingerprint(self) -> str:
        """Of the feature set that it reads."""
        return fingerprint_identities(self.feature_identities)

    def load(self) -> Predictor:
        """The model in memory, ready to answer."""
        return Predictor(self, self.boosters.load())


class Predictor:
    """A model in memory."""

    def __init__(self, model: Model, boosters: LoadedBoosters) -> None:
        self.model = model
        self.boosters = boosters
        self.names = tuple(identity.partition("@")[0] for identity in model.feature_identities)
        self._rows = RowEncoder(model.encoders)

    def predict(self, columns: Mapping[str, Column]) -> Answers:
        """Answers for feature columns named by identity (`name@hash`); others are ignored.

        Raises:
            FeatureMismatchError: a column that the model was trained on is missing or defined otherwise.
        """
        return self.predict_features(self.pick(columns))

    def pick(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """The columns that the model reads, under their plain names.

        Raises:
            FeatureMismatchError: see `predict`.
        """
        self.check(columns)
        given = zip(self.names, self.model.feature_identities, strict=True)
        return {name: as_column(columns[identity]) for name, identity in given}

    def check(self, identities: Collection[str]) -> None:
        """Whether columns of these identities are all that the model reads.

        Raises:
            FeatureMismatchError: see `predict`.
        """
        if missing := [identity for identity in self.model.feature_identities if identity not in identities]:
            raise FeatureMismatchError(
                f"the model needs {', '.join(missing)}; it was given {', '.join(sorted(identities)) or 'nothing'}"
            )

    def predict_features(self, columns: Columns) -> Answers:
        """Answers for feature columns under their plain names, known to be of the model's own definitions."""
        return self.predict_matrix(self.tabulate(columns)[0])

    def predict_matrix(self, matrix: Matrix) -> Answers:
        """Answers for what `tabulate` made."""
        low, middle, high = self._predict_log_quantiles(matrix).T
        low, high = self.model.shift.apply(low, high)
        return Answers(np.exp(np.minimum(low, middle)), np.exp(middle), np.exp(np.maximum(high, middle)))

    def predict_log_quantiles(self, columns: Columns) -> Matrix:
        """Raw quantiles of log(label), shape (n, 3), sorted within each row."""
        return self._predict_log_quantiles(self.tabulate(columns)[0])

    def _predict_log_quantiles(self, matrix: Matrix) -> Matrix:
        return np.sort(self.boosters.predict(matrix), axis=1)

    def tabulate(self, columns: Columns) -> tuple[Matrix, tuple[str, ...]]:
        """What the trees read: features and encoders' columns, shape (n, columns), and their names."""
        encoders = self.model.encoders
        names = (*self.names, *encoders.names)
        rows = row_count({name: columns[name] for name in self.names})
        if rows > _FEW_ROWS:
            return stack_columns({**columns, **encoders.encode(columns)}, names), names
        given = [columns[name].tolist() for name in self.names]
        # By NumPy also here: another logarithm may have another last bit.
        lengths = measure_log_length(columns, encoders.pace).tolist()
        return np.array(
            [
                [*values, *self._rows.encode(dict(zip(self.names, values, strict=True)), log_length)]
                for *values, log_length in zip(*given, lengths, strict=True)
            ]
        ), names
