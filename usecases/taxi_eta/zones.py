"""New York's taxi zones as a reference table: a zone's number stands for the middle of its area."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.usecase import Labels

UNKNOWN_BOROUGH = "unknown"


@dataclass(frozen=True)
class ZoneTable:
    """Zones by number; row i belongs to zone i, and a number without a place holds NaN."""

    latitude: Column
    longitude: Column
    borough: Labels

    @cached_property
    def places(self) -> dict[int, tuple[float, float]]:
        """Latitude and longitude in degrees of each zone that has a place, for whoever asks about one at a time."""
        pairs = enumerate(zip(self.latitude.tolist(), self.longitude.tolist(), strict=True))
        return {zone: place for zone, place in pairs if not math.isnan(place[0])}

    def locate(self, zone: Column) -> tuple[Column, Column]:
        """Latitude and longitude of each zone in degrees; NaN where the zone has no place."""
        index = self._index(zone)
        return self.latitude[index], self.longitude[index]

    def name_borough(self, zone: Column) -> Labels:
        """Borough of each zone; `unknown` where the zone has no place."""
        return self.borough[self._index(zone)]

    def _index(self, zone: Column) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        known = (zone >= 0) & (zone < len(self.latitude)) & (zone == np.floor(zone))
        return np.where(known, zone, 0).astype(np.int64)


@lru_cache(maxsize=1)
def read_zone_table() -> ZoneTable:
    """The table that travels with the use case."""
    text = resources.files(__package__).joinpath("reference/nyc_taxi_zones.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    size = 1 + max(int(row["zone_id"]) for row in rows)
    latitude, longitude = np.full(size, np.nan), np.full(size, np.nan)
    borough = np.full(size, UNKNOWN_BOROUGH, dtype="<U16")
    for row in rows:
        zone = int(row["zone_id"])
        latitude[zone], longitude[zone], borough[zone] = row["latitude"], row["longitude"], row["borough"]
    return ZoneTable(latitude, longitude, borough)
