"""Who wants to go where, and when."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from noriba.features.clock import DAY_S
from usecases.taxi_eta.simulation.streets import BLOCK_M, CITY_SEED, read_streets, to_degrees
from usecases.taxi_eta.simulation.week import Phase, read_blend

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.features.clock import ZoneClock
    from usecases.taxi_eta.simulation.regimes import Regime
    from usecases.taxi_eta.simulation.streets import Index
    from usecases.taxi_eta.simulation.week import Blend

Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]

_HOMES, _OFFICES, _NIGHTLIFE, _AIRPORT = range(4)
_PURPOSES = np.array(
    [
        [_HOMES, _OFFICES],
        [_OFFICES, _HOMES],
        [_OFFICES, _OFFICES],
        [_HOMES, _HOMES],
        [_HOMES, _NIGHTLIFE],
        [_NIGHTLIFE, _HOMES],
        [_HOMES, _AIRPORT],
        [_AIRPORT, _HOMES],
    ]
)
"""What rides are for: from a kind of place (first) to a kind of place (second)."""
_PURPOSE_SHARES = np.zeros((len(Phase), len(_PURPOSES)))
_PURPOSE_SHARES[Phase.NIGHT] = [0.08, 0.10, 0.02, 0.17, 0.10, 0.40, 0.07, 0.06]
_PURPOSE_SHARES[Phase.MORNING] = [0.58, 0.04, 0.12, 0.14, 0.01, 0.01, 0.06, 0.04]
_PURPOSE_SHARES[Phase.DAY] = [0.14, 0.15, 0.28, 0.26, 0.05, 0.02, 0.05, 0.05]
_PURPOSE_SHARES[Phase.EVENING] = [0.05, 0.54, 0.10, 0.10, 0.11, 0.02, 0.03, 0.05]
_PURPOSE_SHARES[Phase.LEISURE] = [0.04, 0.10, 0.03, 0.18, 0.34, 0.25, 0.02, 0.04]
"""How many of a phase's rides serve each purpose, in that order."""

_DEMAND = np.zeros(len(Phase))
_DEMAND[[Phase.NIGHT, Phase.MORNING, Phase.DAY, Phase.EVENING, Phase.LEISURE]] = [0.25, 1.15, 0.85, 1.40, 1.10]
"""Rides in an hour of each phase, relative to each other."""

_DAY_SPREAD = 0.08
_BIN_S = 900.0
_NEAR_M = 2_000.0
"""At this distance a destination draws a quarter of what it would draw next door."""


@dataclass(frozen=True)
class PlaceDraws:
    """What chance says about n trips' places, uniform from 0 to 1; drawn first, so that a regime changes no luck."""

    purpose: Column
    origin: Column
    destination: Column
    origin_east: Column
    origin_north: Column
    destination_east: Column
    destination_north: Column

    @classmethod
    def draw(cls, generator: np.random.Generator, rows: int) -> PlaceDraws:
        """For so many trips."""
        return cls(*generator.random((len(fields(cls)), rows)))

    def take(self, rows: slice) -> PlaceDraws:
        """Some of the trips."""
        return PlaceDraws(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Rides:
    """From where to where, for n trips: the nearest corners, and the places themselves in metres."""

    origin: Index
    destination: Index
    origin_east_m: Column
    origin_north_m: Column
    destination_east_m: Column
    destination_north_m: Column

    @property
    def manhattan_m(self) -> Column:
        """Length along the grid from place to place."""
        return np.abs(self.destination_east_m - self.origin_east_m) + np.abs(
            self.destination_north_m - self.origin_north_m
        )

    @property
    def corner_manhattan_m(self) -> Column:
        """Length along the grid from corner to corner."""
        streets = read_streets()
        return np.abs(streets.east_m[self.destination] - streets.east_m[self.origin]) + np.abs(
            streets.north_m[self.destination] - streets.north_m[self.origin]
        )

    def locate(self) -> tuple[tuple[Column, Column], tuple[Column, Column]]:
        """Latitude and longitude of the origins, and of the destinations."""
        return (
            to_degrees(self.origin_east_m, self.origin_north_m),
            to_degrees(self.destination_east_m, self.destination_north_m),
        )


def draw_pickups(
    generator: np.random.Generator, rows: int, *, first_s: float, last_s: float, clock: ZoneClock
) -> Column:
    """Pickups in order, in whole seconds since 1970, as the city's week has them; first_s ≤ pickup < last_s."""
    edges_s = np.append(np.arange(first_s, last_s, _BIN_S), last_s)
    wall_s = clock.to_wall_s((edges_s[:-1] + edges_s[1:]) / 2.0)
    day = (wall_s // DAY_S).astype(np.int64)
    mood = generator.lognormal(0.0, _DAY_SPREAD, day[-1] - day[0] + 1)[day - day[0]]
    wanted = read_blend(wall_s).mix(_DEMAND) * mood * np.diff(edges_s)
    cumulative = np.append(0.0, wanted.cumsum())
    chance = np.sort(generator.random(rows)) * cumulative[-1]
    pickup_at_s: Column = np.floor(np.interp(chance, cumulative, edges_s))
    return pickup_at_s


def choose_rides(luck: PlaceDraws, blend: Blend, regime: Regime) -> Rides:
    """Turn luck into places: a purpose that fits the hour, an origin, and a destination that is rather near."""
    streets = read_streets()
    purpose = _choose_purpose(luck.purpose, blend)
    origin, destination = np.empty_like(purpose), np.empty_like(purpose)
    origins = _accumulate(_attract(regime))
    for number, (from_kind, to_kind) in enumerate(_PURPOSES):
        rows = purpose == number
        origin[rows] = np.searchsorted(origins[from_kind], luck.origin[rows], side="right")
        destination[rows] = _choose_in_row(_reach(regime)[to_kind], origin[rows], luck.destination[rows])
    return Rides(
        origin=origin,
        destination=destination,
        origin_east_m=streets.east_m[origin] + _spread_m(luck.origin_east),
        origin_north_m=streets.north_m[origin] + _spread_m(luck.origin_north),
        destination_east_m=streets.east_m[destination] + _spread_m(luck.destination_east),
        destination_north_m=streets.north_m[destination] + _spread_m(luck.destination_north),
    )


def _choose_purpose(luck: Column, blend: Blend) -> Index:
    purpose = np.zeros(len(luck), dtype=np.int64)
    for up_to in np.cumsum(_PURPOSE_SHARES, axis=1).T[:-1]:
        purpose += luck > blend.mix(up_to)
    return purpose


def _spread_m(luck: Column) -> Column:
    """Anywhere in the block around a corner."""
    return (luck - 0.5) * BLOCK_M


@lru_cache(maxsize=2)
def _attract(regime: Regime) -> Matrix:
    """How much each corner (column) attracts as home, office, nightlife and airport (row)."""
    streets = read_streets()

    def around(east_m: float, north_m: float, radius_m: float) -> Column:
        return np.exp(-0.5 * ((streets.east_m - east_m) ** 2 + (streets.north_m - north_m) ** 2) / radius_m**2)

    attraction = np.zeros((4, streets.corners))
    attraction[_HOMES] = around(0.0, 0.0, 4_800.0) - 0.8 * around(0.0, 0.0, 2_200.0)
    attraction[_OFFICES] = around(-300.0, 300.0, 1_700.0) + regime.new_offices * around(4_400.0, -1_500.0, 1_200.0)
    attraction[_NIGHTLIFE] = around(-1_500.0, -3_300.0, 1_500.0) + 0.5 * around(3_900.0, 2_100.0, 900.0)
    attraction *= np.random.default_rng(CITY_SEED + 1).lognormal(0.0, 0.5, attraction.shape)
    attraction[:, streets.airport] = 0.0
    attraction[_AIRPORT, streets.airport] = 1.0
    return attraction


@lru_cache(maxsize=2)
def _reach(regime: Regime) -> tuple[Matrix, ...]:
    """For each kind of place: row i accumulates the chances of every destination for a ride from corner i."""
    streets = read_streets()
    distance_m = np.hypot(
        streets.east_m[:, None] - streets.east_m[None, :], streets.north_m[:, None] - streets.north_m[None, :]
    )
    nearness = (1.0 + distance_m / _NEAR_M) ** -2.0
    np.fill_diagonal(nearness, 0.0)
    return tuple(_accumulate(nearness * kind) for kind in _attract(regime))


def _accumulate(weights: Matrix) -> Matrix:
    """Each row's weights as chances, summed up to 1; a row without any (from the airport to it) stays empty."""
    total = weights.cumsum(axis=1)
    chances: Matrix = total / np.maximum(total[:, -1:], np.finfo(np.float64).tiny)
    return chances


def _choose_in_row(cumulative: Matrix, row: Index, chance: Column) -> Index:
    """Where `chance` falls in each chosen row; one search does all, since row i is moved to the stretch from i on."""
    columns = cumulative.shape[1]
    moved = (cumulative + np.arange(len(cumulative))[:, None]).ravel()
    found: Index = np.searchsorted(moved, row + chance, side="right") - row * columns
    # A chance just under 1, added to a large row number, rounds up into the next row.
    return np.minimum(found, columns - 1)
