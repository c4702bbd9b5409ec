"""When a recorded ride may teach a model: each rule names its fault and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.usecase import Rule
from usecases.scooter_energy.words import MOST_KM, RIDER_KG, TEMPERATURE_C

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.usecase import Mask

MOST_KWH = 2.0


def _not_within(values: Column, low: float, high: float) -> Mask:
    """True outside the bounds; an unknown value is not outside."""
    return (values < low) | (values > high)


RULES = (
    Rule(
        "no_time",
        "started_at is missing or unreadable; give it with zone or offset: 2023-01-31T17:05:00-05:00",
        lambda r: np.isnan(r["started_at_s"]),
    ),
    Rule(
        "no_word",
        "scooter, surface or mode is missing or none of the known words; correct it",
        lambda r: np.isnan(r["scooter"]) | np.isnan(r["surface"]) | np.isnan(r["mode"]),
    ),
    Rule(
        "no_distance",
        f"distance_km is missing or not above 0 and up to {MOST_KM:.0f}; correct it",
        lambda r: ~((r["distance_km"] > 0) & (r["distance_km"] <= MOST_KM)),
    ),
    Rule(
        "no_energy",
        f"energy_kwh is missing or not above 0 and up to {MOST_KWH:g}; read the meter again, or leave the ride out",
        lambda r: ~((r["energy_kwh"] > 0) & (r["energy_kwh"] <= MOST_KWH)),
    ),
    Rule(
        "rider_out_of_range",
        f"rider_kg is not from {RIDER_KG[0]:.0f} to {RIDER_KG[1]:.0f}; correct or empty it",
        lambda r: _not_within(r["rider_kg"], *RIDER_KG),
    ),
    Rule(
        "temperature_out_of_range",
        f"temperature_c is not from {TEMPERATURE_C[0]:.0f} to {TEMPERATURE_C[1]:.0f}; correct or empty it",
        lambda r: _not_within(r["temperature_c"], *TEMPERATURE_C),
    ),
)
