"""The deliveries, with means of the last hours: what production knew, hour by hour, and what a replay says it knew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from noriba.features import FeatureSet
from noriba.usecase import LiveMean, LiveSpec
from tests.unit.training import deliveries

if TYPE_CHECKING:
    from noriba.features import Column

HOUR_S = 3_600.0


def pace_now(live_all: Column) -> Column:
    """How slow all are."""
    return np.exp(live_all)


def area_pace_now(live_area: Column) -> Column:
    """How slow those from here are."""
    return np.exp(live_area)


LIVE = LiveSpec(
    means=(
        LiveMean("live_all", half_life_s=HOUR_S),
        LiveMean("live_area", half_life_s=2 * HOUR_S, keys=("start_area",), prior=3.0, parent="live_all"),
        LiveMean("live_area_alone", half_life_s=2 * HOUR_S, keys=("start_area", "clock_hour")),
    ),
    known_after="duration_s",
    delay_s=60.0,
)
FEATURES = FeatureSet(
    [*(feature.function for feature in deliveries.FEATURES.features), pace_now, area_pace_now],
    inputs=(*deliveries.INPUTS, *LIVE.names),
)
USE_CASE = replace(deliveries.USE_CASE, features=FEATURES, live=LIVE)


def make_rows(rows: int, *, seed: int = 0) -> dict[str, Column]:
    """A table as files make it: live means are not known."""
    made = deliveries.make_deliveries(rows, seed=seed)
    inputs = USE_CASE.complete({name: made[name] for name in deliveries.INPUTS})
    return {**inputs, "duration_s": made["duration_s"], **FEATURES.compute(inputs)}
