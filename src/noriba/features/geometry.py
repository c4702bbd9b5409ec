"""Distances and directions on the Earth, column by column.

Angles in degrees (WGS 84), lengths in metres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noriba.features.columns import Column

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of the GRS 80 ellipsoid (Moritz, Journal of Geodesy 74, 2000)."""

METRES_PER_DEGREE = EARTH_RADIUS_M * float(np.pi) / 180.0


def measure_haversine_m(
    from_latitude: Column, from_longitude: Column, to_latitude: Column, to_longitude: Column
) -> Column:
    """Great-circle distance in metres.

    The haversine formula (Sinnott, Sky and Telescope 68, 1984): well conditioned for the short distances of a city.
    """
    half_latitude = np.radians(to_latitude - from_latitude) / 2.0
    half_longitude = np.radians(to_longitude - from_longitude) / 2.0
    chord = (
        np.sin(half_latitude) ** 2
        + np.cos(np.radians(from_latitude)) * np.cos(np.radians(to_latitude)) * np.sin(half_longitude) ** 2
    )
    angle: Column = 2.0 * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return EARTH_RADIUS_M * angle


def measure_north_m(from_latitude: Column, to_latitude: Column) -> Column:
    """How far north the destination lies, in metres; negative is south."""
    return (to_latitude - from_latitude) * METRES_PER_DEGREE


def measure_east_m(from_latitude: Column, from_longitude: Column, to_latitude: Column, to_longitude: Column) -> Column:
    """How far east the destination lies, in metres along the middle parallel; negative is west.

    Exact enough for a city: the parallel's length is taken halfway between the two latitudes.
    """
    degrees = (to_longitude - from_longitude + 540.0) % 360.0 - 180.0
    return degrees * METRES_PER_DEGREE * np.cos(np.radians((from_latitude + to_latitude) / 2.0))
