"""What a model may know before the ride. Words come as their numbers in the vocabularies of `words`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features import FeatureSet

if TYPE_CHECKING:
    from noriba.features import Column

INPUTS = ("started_at_s", "scooter", "surface", "mode", "distance_km", "rider_kg", "temperature_c")
COMFORTABLE_C = 20.0


def planned_km(distance_km: Column) -> Column:
    """Length of the ride."""
    return distance_km


def scooter_number(scooter: Column) -> Column:
    """Which scooter."""
    return scooter


def surface_number(surface: Column) -> Column:
    """What it rolls on."""
    return surface


def mode_number(mode: Column) -> Column:
    """How fast it is let go."""
    return mode


def load_kg(rider_kg: Column) -> Column:
    """Rider and luggage."""
    return rider_kg


def cold_degrees(temperature_c: Column) -> Column:
    """Degrees below what batteries like; 0 above."""
    return np.maximum(COMFORTABLE_C - temperature_c, 0.0)


FEATURES = FeatureSet([planned_km, scooter_number, surface_number, mode_number, load_kg, cold_degrees], inputs=INPUTS)
