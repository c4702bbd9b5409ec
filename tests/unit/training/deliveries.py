"""A second use case, tiny and made up, for the stages to work on: how long does a delivery take?

The truth behind it is known: log(duration) is normal around a pace that depends on area and hour.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from noriba.features import FeatureSet
from noriba.training.hyperparameters import Hyperparameters
from noriba.usecase import (
    AnswerSpec,
    DataSpec,
    EncoderSpec,
    GatePolicy,
    ModelSpec,
    PaceSpec,
    Policies,
    PredictionRequest,
    RetrainingPolicy,
    TrainingPolicy,
    UseCase,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column, Columns
    from noriba.usecase import Labels

AREAS = 8
OFFSET_M = 500.0
NOISE = 0.25
"""Standard deviation of log(duration) around its typical value."""

LOG_PACE_OF_AREA = np.linspace(-2.0, -1.0, AREAS)
RUSH_HOUR_COST = 0.4


def length_m(metres: Column) -> Column:
    """How far."""
    return metres


def start_area(area: Column) -> Column:
    """Where from."""
    return area


def clock_hour(hour: Column) -> Column:
    """When."""
    return hour


def length_km(metres: Column) -> Column:
    """A feature that the use case below does not have."""
    return metres / 1000.0


class DeliveryRequest(PredictionRequest):
    """What an app would send."""

    columns: dict[str, list[float]]

    def to_columns(self) -> dict[str, Column]:
        """The columns as they were sent."""
        return {name: np.array(values) for name, values in self.columns.items()}

    def candidate_ids(self) -> Sequence[str | None]:
        """Nobody names a delivery."""
        return [None]


INPUTS = ("sent_at_s", "metres", "area", "hour")
FEATURES = FeatureSet([length_m, start_area, clock_hour], inputs=INPUTS)


def name_half_of_day(rows: Columns) -> Labels:
    """Morning or afternoon."""
    return np.where(rows["clock_hour"] < 12, "morning", "afternoon")


USE_CASE = UseCase(
    name="deliveries",
    title="Delivery time",
    request=DeliveryRequest,
    features=FEATURES,
    data=DataSpec(event_time="sent_at_s", label="duration_s", slices={"half of day": name_half_of_day}),
    model=ModelSpec(
        baseline_keys=("clock_hour",),
        encoders=(
            EncoderSpec("typical_area", keys=("start_area",), prior_rows=20.0),
            EncoderSpec(
                "typical_area_by_hour", keys=("start_area", "clock_hour"), prior_rows=5.0, parent="typical_area"
            ),
        ),
        pace=PaceSpec(length="length_m", offset=OFFSET_M),
    ),
    answer=AnswerSpec(value="duration_s", low="low_s", high="high_s", unit="s", decimals=1),
    policies=Policies(
        training=TrainingPolicy(
            calibration_share=0.2, holdout_share=0.2, trees=40, leaves=15, min_leaf_rows=20, learning_rate=0.1
        ),
        gates=GatePolicy(
            max_mae_to_baseline=1.0,
            max_mae_to_champion=1.0,
            max_coverage_error=0.1,
            max_slice_mae_to_champion=1.1,
            min_slice_rows=100,
            max_latency_ms=100.0,
        ),
        retraining=RetrainingPolicy(min_rows=1, min_new_rows_share=0.0, cooldown_s=0.0, max_per_day=9, lock_s=60.0),
    ),
    golden_requests=({"columns": {"sent_at_s": [1.7e9], "metres": [900.0], "area": [3.0], "hour": [8.0]}},),
)


def settle(**changes: object) -> Hyperparameters:
    """The use case's policy as a job's settings, on one thread unless it is said otherwise."""
    return Hyperparameters.model_validate({**USE_CASE.policies.training.model_dump(), "threads": 1, **changes})


def make_inputs(rows: int, *, seed: int = 0) -> dict[str, Column]:
    """Input columns ordered by time; several deliveries leave at the same moment."""
    rng = np.random.default_rng(seed)
    sent_at_s = 1.7e9 + 600.0 * np.sort(rng.integers(0, max(2, rows // 3), rows)).astype(np.float64)
    return {
        "sent_at_s": sent_at_s,
        "metres": rng.gamma(2.0, 1500.0, rows),
        "area": rng.integers(0, AREAS, rows).astype(np.float64),
        "hour": np.floor(sent_at_s / 3600.0) % 24.0,
    }


def typical_log_duration(columns: Columns) -> Column:
    """The true median of log(duration)."""
    log_pace: Column = LOG_PACE_OF_AREA[columns["area"].astype(int)] + RUSH_HOUR_COST * (columns["hour"] == 8.0)
    return log_pace + np.log(columns["metres"] + OFFSET_M)


def true_log_quantile(columns: Columns, quantile: float) -> Column:
    """The true quantile of log(duration)."""
    return typical_log_duration(columns) + NOISE * NormalDist().inv_cdf(quantile)


def make_deliveries(rows: int, *, seed: int = 0) -> dict[str, Column]:
    """A whole table: inputs, label and features."""
    columns = make_inputs(rows, seed=seed)
    noise = np.random.default_rng(seed + 1).normal(0.0, NOISE, rows)
    label = np.exp(typical_log_duration(columns) + noise)
    return {**columns, USE_CASE.data.label: label, **FEATURES.compute(columns)}
