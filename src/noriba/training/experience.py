"""What training saw, kept for the day when a model is asked about something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import take_rows
from noriba.records.experience import EXPERIENCE_FILE, Experience, SeenColumn

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.training.models import Answers, Model
    from noriba.training.splits import TimeSplit

STEPS = 200
"""Between the quantiles of widths that are kept: half a percent of the rows each."""


def record_experience(model: Model, columns: Columns, split: TimeSplit) -> Experience:
    """What a model has learned from and was calibrated on.

    Args:
        model: as it will serve.
        columns: of the snapshot, ordered by time.
        split: which rows those are.
    """
    keys = list_keys(model)
    names = [identity.partition("@")[0] for identity in model.feature_identities]
    answers = model.load().predict_features(
        take_rows({name: columns[name] for name in names}, np.arange(split.calibration.start, split.calibration.stop))
    )
    return Experience(
        columns={name: _look_at(columns[name][split.fit], is_key=name in keys) for name in names},
        widths=tuple(np.quantile(measure_widths(answers), np.linspace(0.0, 1.0, STEPS + 1)).tolist()),
    )


def list_keys(model: Model) -> set[str]:
    """The features that are keys of encoders: what they hold are names, whatever the numbers."""
    return {key for spec in model.encoders.specs for key in spec.keys}


def measure_widths(answers: Answers) -> Column:
    """Intervals over their medians, shape (n,)."""
    return (answers.high - answers.low) / answers.value


def read_experience(bundle: Path) -> Experience | None:
    """What the model in a bundle has seen; None where it was trained before that was kept."""
    file = bundle / EXPERIENCE_FILE
    return Experience.model_validate_json(file.read_bytes()) if file.is_file() else None


def _look_at(values: Column, *, is_key: bool) -> SeenColumn:
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) and not is_key else (None, None)
    return SeenColumn(low=low, high=high, unknown=len(values) - len(known))
