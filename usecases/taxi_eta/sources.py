"""Raw trips: the TLC's green and yellow files of every year, and the canonical table.

Column names are compared without case, spaces and underscores, because the TLC has spelt them in every way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noriba.datasets.sources import Reading, Source
from noriba.datasets.table_reader import (
    A_TIME,
    Header,
    TableReader,
    drop_absurd,
    keep_numeric,
    parse_times,
    simplify,
    to_seconds,
)
from noriba.features.clock import list_zones, read_zone_clock
from usecases.taxi_eta.schema import DEFAULT_TIME_ZONE, Trip
from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from noriba.features import Column


_MONTH = re.compile(r"(?<!\d)(20\d{2})-(0[1-9]|1[0-2])(?!\d)")


_ENDS = ("origin", "destination")
_PICKUP = ("lpeppickupdatetime", "tpeppickupdatetime", "trippickupdatetime", "pickupdatetime")
_DROPOFF = ("lpepdropoffdatetime", "tpepdropoffdatetime", "tripdropoffdatetime", "dropoffdatetime")
_ZONES = {"origin": ("pulocationid", "pickuplocationid"), "destination": ("dolocationid", "dropofflocationid")}
_LATITUDES = {"origin": ("pickuplatitude", "startlat"), "destination": ("dropofflatitude", "endlat")}
_LONGITUDES = {"origin": ("pickuplongitude", "startlon"), "destination": ("dropofflongitude", "endlon")}
_TLC_NAMES = (
    *_PICKUP,
    *_DROPOFF,
    *(name for kind in (_ZONES, _LATITUDES, _LONGITUDES) for names in kind.values() for name in names),
)


@dataclass(frozen=True)
class TlcSource:
    """Trip records of the New York City TLC: local times without zone; taxi zones, or coordinates up to mid-2016.

    Metered distance, fares and tolls are not read: they are known only after the ride.
    """

    name: str = "TLC trip records"

    def recognises(self, header: Sequence[str]) -> bool:
        """By either time column's name."""
        found = Header.of(header)
        return found.find(_PICKUP) is not None or found.find(_DROPOFF) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Times and both places, each once."""
        found = Header.of(header)
        missing = []
        if found.find(_PICKUP) is None:
            missing.append("a pickup time (lpep_pickup_datetime, tpep_pickup_datetime or pickup_datetime)")
        if found.find(_DROPOFF) is None:
            missing.append("a drop-off time (lpep_dropoff_datetime, tpep_dropoff_datetime or dropoff_datetime)")
        for end, zone in (("origin", "PULocationID"), ("destination", "DOLocationID")):
            coordinates = found.find(_LATITUDES[end]) and found.find(_LONGITUDES[end])
            if found.find(_ZONES[end]) is None and not coordinates:
                missing.append(f"the {end} ({zone}, or its latitude and longitude)")
        return missing + found.find_ambiguous(_TLC_NAMES)

    def read(self, table: pa.Table, *, object_key: str) -> Reading:
        """Local times become instants; an hour that occurs twice is told apart by the trip's own length."""
        reader = TableReader(table, Header.of(table.column_names))
        pickup_wall, dropoff_wall = self._wall_time(reader, _PICKUP), self._wall_time(reader, _DROPOFF)
        pickup_at_s, duration_s = _measure_local_trip(reader, pickup_wall, dropoff_wall)
        columns = {
            "pickup_at_s": pickup_at_s,
            "pickup_wall_s": to_seconds(pickup_wall),
            "rain_mm_per_h": np.full(reader.rows, np.nan),
            "duration_s": duration_s,
        }
        for end in _ENDS:
            zone = reader.number(_ZONES[end])
            latitude, longitude = reader.number(_LATITUDES[end]), reader.number(_LONGITUDES[end])
            columns |= _place(end, zone, *_drop_lost(latitude, longitude))
        if month := _MONTH.findall(object_key.rsplit("/", 1)[-1]):
            _report_other_months(reader, pickup_wall, "-".join(month[-1]))
        return Reading(columns, reader.faults)

    def _wall_time(self, reader: TableReader, names: Sequence[str]) -> pd.Series:
        found = reader.times(names)
        if pd.api.types.is_string_dtype(found.dtype):
            times, zoned = parse_times(found)
            wall = times.dt.tz_localize(None).where(~zoned, _to_new_york(times))
            # Older files write 01/31/2015 12:34:56 AM.
            other = keep_numeric(found).where(wall.isna())
            american = pd.to_datetime(other, errors="coerce", format="%m/%d/%Y %I:%M:%S %p")
            wall = wall.fillna(drop_absurd(american))
        else:
            times = drop_absurd(found)
            wall = _to_new_york(times) if isinstance(times.dtype, pd.DatetimeTZDtype) else times
        reader.report_unreadable(names, found.notna() & wall.isna(), A_TIME)
        return wall


@dataclass(frozen=True)
class CanonicalSource:
    """The canonical table: see `schema.Trip` for its columns."""

    name: str = "canonical trips"

    def recognises(self, header: Sequence[str]) -> bool:
        """By either time column's name."""
        found = Header.of(header)
        return found.find(["pickupat"]) is not None or found.find(["dropoffat"]) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Times and both places, each once."""
        found = Header.of(header)
        missing = [name for name in ("pickup_at", "dropoff_at") if found.find([simplify(name)]) is None]
        for end in _ENDS:
            coordinates = found.find([f"{end}latitude"]) and found.find([f"{end}longitude"])
            if found.find([f"{end}zone"]) is None and not coordinates:
                missing.append(f"{end}_latitude and {end}_longitude, or {end}_zone")
        return missing + found.find_ambiguous(simplify(name) for name in Trip.model_fields)

    def read(self, table: pa.Table, *, object_key: str) -> Reading:  # noqa: ARG002  # the table says all
        """Times carry their zone; the city's clock is `time_zone`, row by row."""
        reader = TableReader(table, Header.of(table.column_names))
        pickup_at_s, dropoff_at_s = reader.instant("pickup_at"), reader.instant("dropoff_at")
        columns = {
            "pickup_at_s": pickup_at_s,
            "pickup_wall_s": _read_wall(reader, pickup_at_s),
            "rain_mm_per_h": reader.number(["rainmmperh"]),
            "duration_s": dropoff_at_s - pickup_at_s,
        }
        for end in _ENDS:
            zone = reader.number([f"{end}zone"])
            columns |= _place(end, zone, reader.number([f"{end}latitude"]), reader.number([f"{end}longitude"]))
        return Reading(columns, reader.faults)


def _to_new_york(times: pd.Series) -> pd.Series:
    return times.dt.tz_convert(DEFAULT_TIME_ZONE).dt.tz_localize(None)


def _measure_local_trip(reader: TableReader, pickup: pd.Series, dropoff: pd.Series) -> tuple[Column, Column]:
    """Pickup instants and durations in seconds, from local times of New York.

    When summer time ends, an hour occurs twice: the earlier pickup is taken, and the later drop-off where the earlier
    would come before the pickup. When it begins, an hour is skipped: a time within it is a fault.
    """
    start = _localise(pickup, earlier=True)
    end, late_end = _localise(dropoff, earlier=True), _localise(dropoff, earlier=False)
    for name, wall, instant in (("pickup", pickup, start), ("dropoff", dropoff, end)):
        skipped = (wall.notna() & instant.isna()).to_numpy()
        remedy = f"{name} lies in the hour that summer time skips; correct the clock"
        reader.report(f"{name}_in_skipped_hour", remedy, skipped)
    start_s, end_s, late_s = to_seconds(start), to_seconds(end), to_seconds(late_end)
    return start_s, np.where(end_s < start_s, late_s, end_s) - start_s


def _localise(wall: pd.Series, *, earlier: bool) -> pd.Series:
    is_summer_time = np.full(len(wall), earlier)
    return wall.dt.tz_localize(DEFAULT_TIME_ZONE, ambiguous=is_summer_time, nonexistent="NaT")


def _place(end: str, zone: Column, latitude: Column, longitude: Column) -> dict[str, Column]:
    """The end's columns: coordinates where given, possible or not, else the middle of the zone."""
    zone_latitude, zone_longitude = read_zone_table().locate(zone)
    given = ~(np.isnan(latitude) & np.isnan(longitude))
    return {
        f"{end}_latitude": np.where(given, latitude, zone_latitude),
        f"{end}_longitude": np.where(given, longitude, zone_longitude),
        f"{end}_zone": np.where(given, np.nan, zone),
    }


def _drop_lost(latitude: Column, longitude: Column) -> tuple[Column, Column]:
    """The TLC writes 0, 0 where the position was not known; and half a position is none."""
    lost = ((latitude == 0.0) & (longitude == 0.0)) | np.isnan(latitude) | np.isnan(longitude)
    return np.where(lost, np.nan, latitude), np.where(lost, np.nan, longitude)


def _report_other_months(reader: TableReader, pickup: pd.Series, month: str) -> None:
    other = (pickup.dt.strftime("%Y-%m") != month) & pickup.notna()
    remedy = f"pickup is not in {month}, the month in the file's name; the car's clock was wrong, leave it out"
    reader.report("outside_the_month", remedy, other.to_numpy())


def _read_wall(reader: TableReader, instant_s: Column) -> Column:
    """Wall times by each row's own zone."""
    series = reader.text(["timezone"])
    if series is None:
        return read_zone_clock(DEFAULT_TIME_ZONE).to_wall_s(instant_s)
    # Numbers for names: a text array would give every row the room of the longest.
    numbers, names = pd.factorize(series.fillna(DEFAULT_TIME_ZONE))
    zones = list_zones()
    known = {number: name for number, name in enumerate(names) if name in zones}
    wall_s = np.full(len(instant_s), np.nan)
    for number, name in known.items():
        rows = numbers == number
        wall_s[rows] = read_zone_clock(name).to_wall_s(instant_s[rows])
    unknown = ~np.isin(numbers, list(known))
    reader.report(
        "unknown_time_zone", "time_zone is not an IANA name such as America/New_York; correct or empty it", unknown
    )
    return wall_s


SOURCES: tuple[Source, ...] = (CanonicalSource(), TlcSource())
