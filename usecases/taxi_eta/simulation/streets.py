"""The street network: a grid with avenues, a river with few bridges, a ring road, and an airport out of town."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from noriba.features.geometry import METRES_PER_DEGREE

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.usecase import Mask

Index: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

CITY_SEED = 7
"""Of the city itself: which streets are good ones, where people live."""

MIDDLE_LATITUDE = 40.75
MIDDLE_LONGITUDE = -73.97
BLOCK_M = 600.0
_COLUMNS, _ROWS = 27, 33
_AVENUE_EVERY_COLUMNS, _AVENUE_EVERY_ROWS = 3, 4
_RING_EAST_M, _RING_NORTH_M = 6_000.0, 7_800.0
_BRIDGES_NORTH_M = (-7_800.0, -4_800.0, 0.0, 4_800.0, 7_800.0)
_AIRPORT_M = (15_300.0, -12_100.0)
_MOTORWAY_ENDS_M = ((6_000.0, -7_800.0), (6_000.0, 0.0))
_QUALITY_SPREAD = 0.15


class StreetKind(IntEnum):
    """What a stretch of road is."""

    STREET = 0
    AVENUE = 1
    RING = 2
    BRIDGE = 3
    MOTORWAY = 4


@dataclass(frozen=True)
class Streets:
    """Corners, and the stretches of road between them, one entry for each direction.

    Attributes:
        east_m: of each corner; the last corner is the airport.
        north_m: of each corner.
        tail: corner where a stretch begins.
        head: corner where it ends.
        kind: `StreetKind` of each stretch.
        quality: what multiplies the usual speed of its kind; the same in both directions.
    """

    east_m: Column
    north_m: Column
    tail: Index
    head: Index
    kind: Index
    quality: Column

    @property
    def corners(self) -> int:
        """How many corners there are."""
        return len(self.east_m)

    @property
    def airport(self) -> int:
        """The corner that is the airport."""
        return self.corners - 1

    @property
    def length_m(self) -> Column:
        """Of each stretch."""
        return np.hypot(*self.direction_m)

    @property
    def direction_m(self) -> tuple[Column, Column]:
        """How far east and how far north each stretch leads."""
        return self.east_m[self.head] - self.east_m[self.tail], self.north_m[self.head] - self.north_m[self.tail]

    def find_bridge(self, north_m: float) -> Mask:
        """The two directions of the bridge that stands there."""
        there: Mask = (self.kind == StreetKind.BRIDGE) & (self.north_m[self.tail] == north_m)
        return there


def find_river_east_m(north_m: Column) -> Column:
    """Where the river runs, in metres east of the middle; it winds."""
    return 2_100.0 + 900.0 * np.sin(north_m / 4_200.0)


def to_degrees(east_m: Column, north_m: Column) -> tuple[Column, Column]:
    """Latitude and longitude of places in the city."""
    degree_east_m = METRES_PER_DEGREE * np.cos(np.radians(MIDDLE_LATITUDE))
    return MIDDLE_LATITUDE + north_m / METRES_PER_DEGREE, MIDDLE_LONGITUDE + east_m / degree_east_m


@lru_cache(maxsize=1)
def read_streets() -> Streets:
    """The city's one network."""
    column, row = np.divmod(np.arange(_COLUMNS * _ROWS), _ROWS)
    east_m = np.append((column - _COLUMNS // 2) * BLOCK_M, _AIRPORT_M[0])
    north_m = np.append((row - _ROWS // 2) * BLOCK_M, _AIRPORT_M[1])
    tail, head = _join_corners(east_m, north_m)
    kind = _classify(east_m, north_m, tail, head)
    far_bank = east_m > find_river_east_m(north_m)
    passable = (far_bank[tail] == far_bank[head]) | (kind == StreetKind.BRIDGE)
    tail, head, kind = tail[passable], head[passable], kind[passable]
    quality = np.random.default_rng(CITY_SEED).lognormal(0.0, _QUALITY_SPREAD, len(tail))
    return Streets(
        east_m=east_m,
        north_m=north_m,
        tail=np.concatenate([tail, head]),
        head=np.concatenate([head, tail]),
        kind=np.tile(kind, 2),
        quality=np.tile(quality, 2),
    )


def _join_corners(east_m: Column, north_m: Column) -> tuple[Index, Index]:
    """Neighbours on the grid, and the airport with its two junctions; each pair once."""
    corner = np.arange(_COLUMNS * _ROWS).reshape(_COLUMNS, _ROWS)
    junctions = [np.flatnonzero((east_m == east) & (north_m == north)) for east, north in _MOTORWAY_ENDS_M]
    tail = np.concatenate([corner[:-1].ravel(), corner[:, :-1].ravel(), *junctions])
    head = np.concatenate([corner[1:].ravel(), corner[:, 1:].ravel(), *[[len(east_m) - 1]] * len(junctions)])
    return tail, head


def _classify(east_m: Column, north_m: Column, tail: Index, head: Index) -> Index:
    """The kind of each stretch, the last that applies."""
    leads_east = north_m[tail] == north_m[head]
    leads_north = east_m[tail] == east_m[head]
    on_avenue = (leads_north & (np.round(east_m[tail] / BLOCK_M) % _AVENUE_EVERY_COLUMNS == 0)) | (
        leads_east & (np.round(north_m[tail] / BLOCK_M) % _AVENUE_EVERY_ROWS == 0)
    )
    within_ring = (np.abs(east_m) <= _RING_EAST_M) & (np.abs(north_m) <= _RING_NORTH_M)
    on_ring = (leads_north & (np.abs(east_m[tail]) == _RING_EAST_M)) | (
        leads_east & (np.abs(north_m[tail]) == _RING_NORTH_M)
    )
    far_bank = east_m > find_river_east_m(north_m)
    on_bridge = leads_east & (far_bank[tail] != far_bank[head]) & np.isin(north_m[tail], _BRIDGES_NORTH_M)
    return np.select(
        [~leads_east & ~leads_north, on_bridge, on_ring & within_ring[tail] & within_ring[head], on_avenue],
        [StreetKind.MOTORWAY, StreetKind.BRIDGE, StreetKind.RING, StreetKind.AVENUE],
        default=StreetKind.STREET,
    ).astype(np.int64)
