"""How fast the streets flow: shortest travel times between all corners, in every phase, dry and wet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from usecases.taxi_eta.simulation.streets import read_streets
from usecases.taxi_eta.simulation.week import Phase

if TYPE_CHECKING:
    from noriba.features import Column
    from usecases.taxi_eta.simulation.regimes import Regime
    from usecases.taxi_eta.simulation.streets import Index, Streets
    from usecases.taxi_eta.simulation.week import Blend

Tables: TypeAlias = np.ndarray[tuple[int, int, int, int], np.dtype[np.float32]]

# One entry a `StreetKind`: street, avenue, ring, bridge, motorway.
_FREE_MPS = np.array([7.5, 11.5, 19.0, 13.0, 25.0])
_WET_DELAY = np.array([0.10, 0.16, 0.25, 0.30, 0.30])
"""What the heaviest rain adds to the time, as a share of it."""

_CROWD_DELAY = {
    Phase.NIGHT: np.array([0.05, 0.05, 0.00, 0.00, 0.00]),
    Phase.MORNING: np.array([0.60, 1.00, 0.90, 1.60, 0.60]),
    Phase.DAY: np.array([0.50, 0.65, 0.30, 0.60, 0.15]),
    Phase.EVENING: np.array([0.70, 1.20, 1.10, 1.80, 0.80]),
    Phase.LEISURE: np.array([0.35, 0.40, 0.10, 0.30, 0.05]),
}
"""What other cars add to the time in the middle of the city, as a share of it."""

_INWARD_LEAN = {Phase.MORNING: 0.6, Phase.EVENING: -0.6}
"""How much more of that falls on the way to the middle than on the way out; negative the other way round."""

_CROWD_OUTSIDE = 0.35
_CROWD_RADIUS_M = 4_500.0


@dataclass(frozen=True)
class TravelTimes:
    """Seconds from corner to corner, of shape (phases, dry or wet, from, to)."""

    tables: Tables

    def look_up(self, origin: Index, destination: Index, blend: Blend, wetness: Column) -> Column:
        """Seconds for n trips at n moments."""
        seconds: Column = (1.0 - blend.share) * self._read(blend.before, origin, destination, wetness)
        seconds += blend.share * self._read(blend.after, origin, destination, wetness)
        return seconds

    def _read(self, phase: Index, origin: Index, destination: Index, wetness: Column) -> Column:
        dry, wet = (self.tables[phase, weather, origin, destination].astype(np.float64) for weather in (0, 1))
        seconds: Column = dry + wetness * (wet - dry)
        return seconds


@lru_cache(maxsize=2)
def read_travel_times(regime: Regime) -> TravelTimes:
    """The travel times under a regime; computed once in a process, in under a second."""
    streets = read_streets()
    tables = np.empty((len(Phase), 2, streets.corners, streets.corners), dtype=np.float32)
    for phase in Phase:
        for wetness in (0, 1):
            seconds = _measure_stretches_s(streets, phase, float(wetness), regime)
            graph = csr_array((seconds, (streets.tail, streets.head)), shape=(streets.corners, streets.corners))
            tables[phase, wetness] = dijkstra(graph)
    return TravelTimes(tables)


def _measure_stretches_s(streets: Streets, phase: Phase, wetness: float, regime: Regime) -> Column:
    """Seconds for each stretch; infinite on a closed bridge."""
    kind = streets.kind
    crowd = 1.0 + _CROWD_DELAY[phase][kind] * _measure_crowding(streets, _INWARD_LEAN.get(phase, 0.0))
    weather = 1.0 + wetness * _WET_DELAY[kind]
    delay = crowd * weather * np.array(regime.delay)[kind]
    seconds: Column = streets.length_m / (_FREE_MPS[kind] * streets.quality) * delay
    for north_m in regime.closed_bridges_north_m:
        seconds = np.where(streets.find_bridge(north_m), np.inf, seconds)
    return seconds


def _measure_crowding(streets: Streets, lean: float) -> Column:
    """What share of the middle's crowd each stretch has, by its distance from there and its direction."""
    east_m, north_m = streets.east_m[streets.tail], streets.north_m[streets.tail]
    leads_east_m, leads_north_m = streets.direction_m
    radius_m = np.maximum(np.hypot(east_m, north_m), 1.0)
    inward = -(east_m * leads_east_m + north_m * leads_north_m) / (radius_m * streets.length_m)
    nearness = _CROWD_OUTSIDE + (1.0 - _CROWD_OUTSIDE) * np.exp(-((radius_m / _CROWD_RADIUS_M) ** 2))
    return nearness * (1.0 + lean * inward)
