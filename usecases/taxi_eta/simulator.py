"""A made-up city's taxi trips: what the demonstration learns from, and what drifts when asked to.

The city and its streets never change; a seed draws its weather, its demand, its drivers and their luck. How the city
works stands in the folder `simulation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from noriba.features import as_column
from noriba.features.clock import read_zone_clock
from noriba.usecase import Observation
from usecases.taxi_eta.schema import DEFAULT_TIME_ZONE
from usecases.taxi_eta.simulation.demand import PlaceDraws, choose_rides, draw_pickups
from usecases.taxi_eta.simulation.drives import DriveDraws, measure_duration_s
from usecases.taxi_eta.simulation.regimes import DISRUPTED, ORDINARY
from usecases.taxi_eta.simulation.trips import Trips, break_trips, join_trips
from usecases.taxi_eta.simulation.weather import draw_rain_mm_per_h, measure_wetness
from usecases.taxi_eta.simulation.week import read_blend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noriba.features import Column
    from usecases.taxi_eta.simulation.regimes import Regime
    from usecases.taxi_eta.simulation.week import Blend

_HOUR_S = 3_600
_INSTANT = pa.timestamp("us", tz="UTC")
_DECIMALS = 6
"""A tenth of a metre, in degrees."""
_ASKED = (
    "pickup_at",
    "dropoff_at",
    "origin_latitude",
    "origin_longitude",
    "destination_latitude",
    "destination_longitude",
)
_ROWS_PER_GROUP = 250_000
"""So that a large month can be read in pieces."""


def simulate(
    rows: int,
    *,
    seed: int,
    first_day: date,
    days: int,
    regime_change: date | None = None,
    fault_share: float = 0.01,
) -> pa.Table:
    """Trips of the made-up city as a canonical table (see `schema.Trip`), ordered by pickup.

    Equal arguments give equal tables; a regime change alters nothing before its day, and neither pickup times nor
    weather after it.

    Args:
        rows: how many trips, faulty ones included.
        seed: not negative.
        first_day: on the city's calendar, as are all days.
        days: how many days the trips are spread over, as demand has it.
        regime_change: from that day on a bridge is closed, streets are slower and offices have moved; None for never.
        fault_share: the share of rows that break a quality rule: times missing, swapped, or of a meter left running,
            cancelled trips, places missing, lost, or off the Earth.

    Raises:
        ValueError: an argument is out of range.
    """
    if rows < 1 or days < 1:
        raise ValueError(f"rows and days must be at least 1; got {rows} rows and {days} days")
    if not 0.0 <= fault_share <= 1.0:
        raise ValueError(f"fault_share must lie between 0 and 1; got {fault_share}")
    for_demand, for_weather, for_places, for_drives, for_faults = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
    )
    first_s, last_s = _begin_day_s(first_day), _begin_day_s(first_day + timedelta(days=days))
    clock = read_zone_clock(DEFAULT_TIME_ZONE)
    pickup_at_s = draw_pickups(for_demand, rows, first_s=first_s, last_s=last_s, clock=clock)
    wall_s = clock.to_wall_s(pickup_at_s)
    rain = draw_rain_mm_per_h(for_weather, int(last_s - first_s) // _HOUR_S)
    requests = _Requests(
        pickup_at_s=pickup_at_s,
        rain_mm_per_h=rain[(pickup_at_s - first_s).astype(np.int64) // _HOUR_S],
        blend=read_blend(wall_s),
        place_draws=PlaceDraws.draw(for_places, rows),
        drive_draws=DriveDraws.draw(for_drives, wall_s),
    )
    change = rows if regime_change is None else int(np.searchsorted(pickup_at_s, _begin_day_s(regime_change)))
    stretches = ((ORDINARY, slice(0, change)), (DISRUPTED, slice(change, rows)))
    trips = join_trips([_drive(requests.take(part), regime) for regime, part in stretches if part.start < part.stop])
    return _to_table(break_trips(trips, for_faults, share=fault_share))


def write_files(table: pa.Table, folder: Path, *, prefix: str = "trips") -> list[Path]:
    """Write the table as one Parquet file for each month of the city's calendar, such as `trips_2026-01.parquet`.

    Equal tables give equal bytes with one release of pyarrow. Files of these names are replaced.

    Args:
        table: what `simulate` returned.
        folder: made where there is none.
        prefix: how the names begin.

    Returns:
        The files, in order of their months.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pickup_at_s = as_column(table["pickup_at"].to_numpy().astype("datetime64[s]").astype(np.int64))
    wall_s = read_zone_clock(DEFAULT_TIME_ZONE).to_wall_s(pickup_at_s)
    months = wall_s.astype("datetime64[s]").astype("datetime64[M]")
    paths = []
    for month in np.unique(months):
        path = folder / f"{prefix}_{month}.parquet"
        pa.parquet.write_table(
            table.filter(pa.array(months == month)), path, compression="zstd", row_group_size=_ROWS_PER_GROUP
        )
        paths.append(path)
    return paths


def observe(table: pa.Table) -> Iterator[Observation]:
    """Trips as an app meets them; those without a place, a time or a length are left out."""
    for row in table.to_pylist():
        if None in {row[name] for name in _ASKED} or row["dropoff_at"] <= row["pickup_at"]:
            continue
        origin, destination = (
            {"latitude": row[f"{place}_latitude"], "longitude": row[f"{place}_longitude"]}
            for place in ("origin", "destination")
        )
        request = {
            "origin": origin,
            "destination": destination,
            "pickup_at": row["pickup_at"].isoformat(),
            "rain_mm_per_h": row["rain_mm_per_h"],
        }
        lasted_s = (row["dropoff_at"] - row["pickup_at"]).total_seconds()
        yield Observation(request, row["pickup_at"], lasted_s, row["dropoff_at"])


@dataclass(frozen=True)
class _Requests:
    """Everything about n trips that does not depend on how the city is run."""

    pickup_at_s: Column
    rain_mm_per_h: Column
    blend: Blend
    place_draws: PlaceDraws
    drive_draws: DriveDraws

    def take(self, rows: slice) -> _Requests:
        return _Requests(
            self.pickup_at_s[rows],
            self.rain_mm_per_h[rows],
            self.blend.take(rows),
            self.place_draws.take(rows),
            self.drive_draws.take(rows),
        )


def _drive(requests: _Requests, regime: Regime) -> Trips:
    """Send the trips through the city as it is run."""
    rides = choose_rides(requests.place_draws, requests.blend, regime)
    wetness = measure_wetness(requests.rain_mm_per_h)
    duration_s = measure_duration_s(rides, regime, requests.blend, wetness, requests.drive_draws)
    origin, destination = rides.locate()
    return Trips(requests.pickup_at_s, requests.pickup_at_s + duration_s, *origin, *destination, requests.rain_mm_per_h)


def _begin_day_s(day: date) -> float:
    """The day's first moment in the city, in seconds since 1970."""
    return datetime.combine(day, time(), ZoneInfo(DEFAULT_TIME_ZONE)).timestamp()


def _to_table(trips: Trips) -> pa.Table:
    columns = {
        "pickup_at": _to_instants(trips.pickup_at_s),
        "dropoff_at": _to_instants(trips.dropoff_at_s),
        "origin_latitude": _to_numbers(trips.origin_latitude),
        "origin_longitude": _to_numbers(trips.origin_longitude),
        "destination_latitude": _to_numbers(trips.destination_latitude),
        "destination_longitude": _to_numbers(trips.destination_longitude),
        "rain_mm_per_h": _to_numbers(trips.rain_mm_per_h),
    }
    return pa.table(columns)


def _to_numbers(values: Column) -> pa.Array:
    return pa.array(np.round(values, _DECIMALS), from_pandas=True)


def _to_instants(seconds: Column) -> pa.Array:
    known = np.isfinite(seconds)
    return pa.array(np.where(known, seconds, 0.0).astype(np.int64) * 1_000_000, _INSTANT, mask=~known)
