"""What TRAIN is told of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

METRICS = ("mae", "rmse", "rmsle", "coverage", "baseline_mae")
"""What a training job reports, and SageMaker reads out of its log."""


@dataclass(frozen=True)
class TrainingProps:
    """Where training happens and where things lie; ARNs and names."""

    bus_name: str
    ledger_table: str
    datasets_bucket: str
    models_bucket: str
    image_uri: str
    image_repository: str
    image_tag: str
    role_arn: str
    key_arn: str
    registry_key: str | None
    """The alias of the key where models lie, by its ARN, where that is in another account; None where it is ours."""
    register_arn: str
    instance: str
    max_runtime_s: int
