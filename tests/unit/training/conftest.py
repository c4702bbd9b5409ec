"""One small model, trained once, for every test that only looks at it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# As the container's programs set it, and before LightGBM is loaded: a spinning thread waits long for a busy processor.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest

from noriba.training.fitting import fit_model
from noriba.training.splits import split_by_time
from tests.unit.training.deliveries import USE_CASE, make_deliveries, settle

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit


@pytest.fixture(scope="session")
def deliveries() -> dict[str, Column]:
    return make_deliveries(4_000)


@pytest.fixture(scope="session")
def split(deliveries: dict[str, Column]) -> TimeSplit:
    policy = USE_CASE.policies.training
    return split_by_time(
        deliveries[USE_CASE.data.event_time],
        calibration_share=policy.calibration_share,
        holdout_share=policy.holdout_share,
    )


@pytest.fixture(scope="session")
def model(deliveries: dict[str, Column], split: TimeSplit) -> Model:
    return fit_model(USE_CASE, settle(), deliveries, fit=split.fit, calibration=split.calibration)
