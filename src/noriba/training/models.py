"""A trained model, whole: encoders, trees and interval, from columns to calibrated quantiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noriba.errors import FeatureMismatchError
from noriba.features import as_column
from noriba.features.columns import row_count, stack_columns, take_rows
from noriba.features.feature_set import fingerprint_identities
from noriba.training.calibration import IntervalShift, calibrate_interval
from noriba.training.learning import learn
from noriba.training.windows import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from noriba.features import Column, Columns
    from noriba.training.encoders import FittedEncoders
    from noriba.training.hyperparameters import Hyperparameters
    from noriba.training.quantiles import LoadedBoosters, QuantileBoosters
    from noriba.usecase import UseCase


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
        self._names = tuple(identity.partition("@")[0] for identity in model.feature_identities)

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
        if missing := [identity for identity in self.model.feature_identities if identity not in columns]:
            raise FeatureMismatchError(
                f"the model needs {', '.join(missing)}; it was given {', '.join(sorted(columns)) or 'nothing'}"
            )
        given = zip(self._names, self.model.feature_identities, strict=True)
        return {name: as_column(columns[identity]) for name, identity in given}

    def predict_features(self, columns: Columns) -> Answers:
        """Answers for feature columns under their plain names, known to be of the model's own definitions."""
        low, middle, high = self.predict_log_quantiles(columns).T
        low, high = self.model.shift.apply(low, high)
        return Answers(np.exp(np.minimum(low, middle)), np.exp(middle), np.exp(np.maximum(high, middle)))

    def predict_log_quantiles(self, columns: Columns) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Raw quantiles of log(label), shape (n, 3), sorted within each row."""
        matrix, _names = self.tabulate(columns)
        return np.sort(self.boosters.predict(matrix), axis=1)

    def tabulate(self, columns: Columns) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], tuple[str, ...]]:
        """What the trees read: features and encoders' columns, shape (n, columns), and their names."""
        row_count({name: columns[name] for name in self._names})
        encoded = self.model.encoders.encode(columns)
        names = (*self._names, *encoded)
        return stack_columns({**columns, **encoded}, names), names


def fit_model(
    use_case: UseCase,
    settings: Hyperparameters,
    columns: Columns,
    *,
    fit: slice,
    calibration: slice,
    weights: Column | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> Model:
    """Train on `fit`, calibrate on `calibration`; rows are ordered by time.

    The median learns from the calibration rows, too, which are the latest: calibration promises something of the ends
    alone, and these must not have seen the rows that it counts them on.

    Args:
        use_case: what to learn.
        settings: how.
        columns: feature columns and label of a snapshot.
        fit: rows to learn from.
        calibration: later rows, to set the interval on.
        weights: how much each row of `fit` counts, the latest 1, shape (fit,); None when all count alike.
        report: told of progress, a line at a time.
    """
    label = columns[use_case.data.label]
    encoders, boosters = learn(use_case, settings, columns, Sample(fit, weights), later=calibration, report=report)
    uncalibrated = Model(
        use_case=use_case.name,
        feature_identities=use_case.features.identities,
        quantiles=settings.quantiles,
        encoders=encoders,
        boosters=boosters,
        shift=IntervalShift(0.0, 0.0),
    )
    shift = _calibrate(
        uncalibrated, take_rows(columns, np.arange(calibration.start, calibration.stop)), label[calibration]
    )
    report(f"interval: ends move outwards by factors {np.exp(shift.low):.4f} and {np.exp(shift.high):.4f}")
    return replace(uncalibrated, shift=shift)


def _calibrate(model: Model, columns: Columns, label: Column) -> IntervalShift:
    """The shifts of the ends, which are looked at without the median: it knows these rows.

    Where it lies beyond an end, the answer's interval reaches out to it: it holds no fewer outcomes than are counted
    here.
    """
    predictor = model.load()
    matrix, _names = predictor.tabulate(columns)
    quantiles = predictor.boosters.predict(matrix)
    low, high = np.sort(quantiles[:, [0, -1]], axis=1).T
    return calibrate_interval(
        low, high, np.log(label), low_share=model.quantiles[0], high_share=1.0 - model.quantiles[2]
    )
