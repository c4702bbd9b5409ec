"""A model made: learned from the past, its interval calibrated on what came after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import take_rows
from noriba.training.calibration import IntervalShift, calibrate_interval
from noriba.training.learning import learn
from noriba.training.models import Model
from noriba.training.windows import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.features import Column, Columns
    from noriba.training.hyperparameters import Hyperparameters
    from noriba.usecase import UseCase


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
