"""How long each ride takes: streets first, then lights, drivers, the day, and bad luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.clock import DAY_S
from usecases.taxi_eta.simulation.traffic import read_travel_times
from usecases.taxi_eta.simulation.week import Phase

if TYPE_CHECKING:
    from noriba.features import Column
    from usecases.taxi_eta.simulation.demand import Rides
    from usecases.taxi_eta.simulation.regimes import Regime
    from usecases.taxi_eta.simulation.week import Blend

_DRIVERS = 800
_DRIVER_SPREAD = 0.06
_DAY_SPREAD = 0.02

_SLOWEST_MPS = 3.0

_SHORTEST_STOPS_S = 60.0
_STOPS_S = 30.0
"""Boarding and paying: never under a minute together, and so much more on average."""

_LIGHT_EVERY_M = 400.0
_LIT_M = 12_000.0
"""Who goes further takes the motorway, which has no lights."""
_LIGHT_MEAN_S, _LIGHT_SPREAD_S = 9.0, 14.0

_BUSY = np.zeros(len(Phase))
_BUSY[[Phase.MORNING, Phase.DAY, Phase.EVENING, Phase.LEISURE]] = [1.0, 0.45, 1.0, 0.3]

_SPREAD, _BUSY_SPREAD, _LONG_SPREAD, _WET_SPREAD = 0.04, 0.12, 0.06, 0.04
"""Spread of log(time): always, at rush hour, on a long ride, and in heavy rain, added up."""
_LONG_M = 8_000.0

_INCIDENT_CHANCE = 0.01
_INCIDENT_DELAY = 0.4
"""An accident on the way adds such a share of the time on average; twice as likely at rush hour."""


@dataclass(frozen=True)
class DriveDraws:
    """What chance does to n rides, before anything is known about them; standard distributions unless said otherwise.

    Attributes:
        driver: factor on the time of the ride's driver.
        day: factor on the time of all rides of its day.
        stops: exponential.
        lights: normal.
        streets: normal.
        incident: uniform from 0 to 1.
        incident_size: exponential.
    """

    driver: Column
    day: Column
    stops: Column
    lights: Column
    streets: Column
    incident: Column
    incident_size: Column

    @classmethod
    def draw(cls, generator: np.random.Generator, wall_s: Column) -> DriveDraws:
        """For rides that begin at such times on the city's clock."""
        rows = len(wall_s)
        day = (wall_s // DAY_S - wall_s.min() // DAY_S).astype(np.int64)
        drivers = generator.lognormal(0.0, _DRIVER_SPREAD, _DRIVERS)
        days = generator.lognormal(0.0, _DAY_SPREAD, int(day.max()) + 1)
        return cls(
            driver=drivers[generator.integers(_DRIVERS, size=rows)],
            day=days[day],
            stops=generator.standard_exponential(rows),
            lights=generator.standard_normal(rows),
            streets=generator.standard_normal(rows),
            incident=generator.random(rows),
            incident_size=generator.standard_exponential(rows),
        )

    def take(self, rows: slice) -> DriveDraws:
        """Some of the rides."""
        return DriveDraws(**{name: values[rows] for name, values in vars(self).items()})


def measure_free_drive_s(rides: Rides, regime: Regime, blend: Blend, wetness: Column) -> Column:
    """Seconds on the streets alone, with no lights and no luck.

    The time from corner to corner, and at the same pace the metres more or less to where within their blocks the ride
    begins and ends.
    """
    by_corner_s = read_travel_times(regime).look_up(rides.origin, rides.destination, blend, wetness)
    # Who drives a long way round to a bridge has a slow pace as the crow flies, but drives the last metres like anyone.
    pace = np.minimum(by_corner_s / rides.corner_manhattan_m, 1.0 / _SLOWEST_MPS)
    return by_corner_s + pace * (rides.manhattan_m - rides.corner_manhattan_m)


def measure_duration_s(rides: Rides, regime: Regime, blend: Blend, wetness: Column, luck: DriveDraws) -> Column:
    """Seconds from boarding to paying, in whole seconds."""
    free_s = measure_free_drive_s(rides, regime, blend, wetness)
    busy = blend.mix(_BUSY)
    long = 1.0 - np.exp(-rides.manhattan_m / _LONG_M)
    spread = _SPREAD + _BUSY_SPREAD * busy + _LONG_SPREAD * long + _WET_SPREAD * wetness
    is_incident = luck.incident < _INCIDENT_CHANCE * (1.0 + busy)
    incident = 1.0 + _INCIDENT_DELAY * luck.incident_size * is_incident
    streets_s = free_s * luck.driver * luck.day * np.exp(spread * luck.streets) * incident
    lights = np.minimum(rides.manhattan_m, _LIT_M) / _LIGHT_EVERY_M
    lights_s = np.maximum(_LIGHT_MEAN_S * lights + _LIGHT_SPREAD_S * np.sqrt(lights) * luck.lights, 0.0)
    stops_s = _SHORTEST_STOPS_S + _STOPS_S * luck.stops
    return np.ceil(stops_s + lights_s + streets_s)
