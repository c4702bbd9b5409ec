"""Parts of the traffic that are evaluated by themselves, so that a good average hides nobody."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from noriba.features import Columns
    from noriba.usecase import Labels


def name_part_of_day(rides: Columns) -> Labels:
    """Night 0-6, morning 6-10, day 10-16, evening 16-20, late 20-24, on the city's clock."""
    return _name_bands(rides["hour_of_day"], (6, 10, 16, 20), ("night", "morning", "day", "evening", "late"))


def name_distance(rides: Columns) -> Labels:
    """Straight-line distance in bands."""
    return _name_bands(rides["haversine_m"], (1_000, 3_000, 8_000), ("under 1 km", "1-3 km", "3-8 km", "over 8 km"))


def name_kind_of_day(rides: Columns) -> Labels:
    """Weekday or weekend."""
    return np.where(rides["is_weekend"] == 1.0, "weekend", "weekday")


def name_origin_borough(rides: Columns) -> Labels:
    """Borough where the ride begins; `unknown` where the app sent coordinates."""
    return read_zone_table().name_borough(rides["origin_zone"])


def _name_bands(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], edges: tuple[float, ...], names: tuple[str, ...]
) -> Labels:
    # As `np.digitize` does, without its checks, which take longer than a request's few rows.
    return _write_names(names)[np.searchsorted(edges, values, side="right")]


@cache
def _write_names(names: tuple[str, ...]) -> Labels:
    return np.array(names)


SLICES = {
    "part of day": name_part_of_day,
    "distance": name_distance,
    "kind of day": name_kind_of_day,
    "origin borough": name_origin_borough,
}
