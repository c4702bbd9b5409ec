"""When a recorded trip may teach a model: each rule names its fault and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features.geometry import measure_haversine_m
from noriba.usecase import Rule
from usecases.taxi_eta.bounds import FARTHEST_M, LATITUDE, LONGITUDE, PICKUP_AT_S, RAIN_MM_PER_H

if TYPE_CHECKING:
    from noriba.features import Columns
    from noriba.usecase import Mask

SHORTEST_S = 60.0
LONGEST_S = 10_800.0
FASTEST_MPS = 50.0


def _straight_m(trips: Columns) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return measure_haversine_m(
        trips["origin_latitude"],
        trips["origin_longitude"],
        trips["destination_latitude"],
        trips["destination_longitude"],
    )


def _not_within(values: np.ndarray[tuple[int], np.dtype[np.float64]], low: float, high: float) -> Mask:
    """True outside the bounds, and for NaN."""
    return ~((values >= low) & (values <= high))


def _off_earth(trips: Columns, end: str) -> Mask:
    return _not_within(trips[f"{end}_latitude"], *LATITUDE) | _not_within(trips[f"{end}_longitude"], *LONGITUDE)


RULES = (
    Rule(
        "no_time",
        "pickup or drop-off time is missing or unreadable; give both, with zone or offset: 2023-01-31T17:05:00-05:00",
        lambda trips: np.isnan(trips["pickup_at_s"]) | np.isnan(trips["duration_s"]),
    ),
    Rule(
        "time_out_of_range",
        "pickup lies outside the years 2000 to 2099; correct the clock",
        lambda trips: (trips["pickup_at_s"] < PICKUP_AT_S[0]) | (trips["pickup_at_s"] >= PICKUP_AT_S[1]),
    ),
    Rule(
        "ends_before_it_begins",
        "drop-off does not follow pickup; correct or swap the two times",
        lambda trips: trips["duration_s"] <= 0,
    ),
    Rule(
        "too_short",
        f"the trip lasts under {SHORTEST_S:.0f} s; it was probably cancelled, leave it out",
        lambda trips: (trips["duration_s"] > 0) & (trips["duration_s"] < SHORTEST_S),
    ),
    Rule(
        "too_long",
        f"the trip lasts over {LONGEST_S / 3600:.0f} h; the meter was probably left running, leave it out",
        lambda trips: trips["duration_s"] > LONGEST_S,
    ),
    Rule(
        "no_origin",
        "the origin has neither coordinates on Earth nor a taxi zone with a place (1 to 263); supply one",
        lambda trips: _off_earth(trips, "origin"),
    ),
    Rule(
        "no_destination",
        "the destination has neither coordinates on Earth nor a taxi zone with a place (1 to 263); supply one",
        lambda trips: _off_earth(trips, "destination"),
    ),
    Rule(
        "too_far",
        f"origin and destination lie over {FARTHEST_M / 1000:.0f} km apart; check the coordinates' order and signs",
        lambda trips: _straight_m(trips) > FARTHEST_M,
    ),
    Rule(
        "rain_out_of_range",
        f"rain_mm_per_h is not from {RAIN_MM_PER_H[0]:.0f} to {RAIN_MM_PER_H[1]:.0f}; correct or empty it",
        lambda trips: ~np.isnan(trips["rain_mm_per_h"]) & _not_within(trips["rain_mm_per_h"], *RAIN_MM_PER_H),
    ),
    Rule(
        "too_fast",
        f"faster than {FASTEST_MPS:.0f} m/s in a straight line; check times and places",
        lambda trips: (trips["duration_s"] > 0) & (_straight_m(trips) > FASTEST_MPS * trips["duration_s"]),
    ),
)
