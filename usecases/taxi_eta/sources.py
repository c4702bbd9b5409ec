"""Raw trips: the TLC's green and yellow files of every year, and the canonical table.

Column names are compared without case, spaces and underscores, because the TLC has spelt them in every way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from noriba.datasets.sources import Fault, Reading, Source
from noriba.features import Column, as_column
from noriba.features.clock import read_zone_clock
from usecases.taxi_eta.schema import DEFAULT_TIME_ZONE
from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noriba.usecase import Mask

_MONTH = re.compile(r"(?<!\d)(20\d{2})-(0[1-9]|1[0-2])(?!\d)")


def simplify(name: str) -> str:
    """A column's name without case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name).lower()


@dataclass(frozen=True)
class _Header:
    """The columns of a file, found by any of their names."""

    by_simple_name: Mapping[str, str]

    @classmethod
    def of(cls, names: Sequence[str]) -> _Header:
        return cls({simplify(name): name for name in reversed(names)})

    def find(self, names: Sequence[str]) -> str | None:
        return next((self.by_simple_name[name] for name in names if name in self.by_simple_name), None)


class _Reader:
    """One raw table; every value that does not read becomes NaN and is remembered as a fault."""

    def __init__(self, table: pa.Table, header: _Header) -> None:
        self._table = table
        self._header = header
        self.rows = table.num_rows
        self.faults: list[Fault] = []

    def has(self, names: Sequence[str]) -> bool:
        return self._header.find(names) is not None

    def number(self, names: Sequence[str]) -> Column:
        """Numbers; NaN where the field is empty or the column absent."""
        series = self.series(names)
        if series is None:
            return np.full(self.rows, np.nan)
        values = pd.to_numeric(series, errors="coerce")
        self.accuse_unreadable(names, series.notna() & values.isna(), "a number")
        return as_column(values.to_numpy(dtype=np.float64, na_value=np.nan))

    def series(self, names: Sequence[str]) -> pd.Series | None:
        name = self._header.find(names)
        if name is None:
            return None
        series = self._table[name].to_pandas()
        return series.str.strip().replace("", None) if pd.api.types.is_string_dtype(series.dtype) else series

    def accuse_unreadable(self, names: Sequence[str], rows: pd.Series, wanted: str) -> None:
        name = self._header.find(names)
        self.accuse(f"unreadable_{name}", f"{name} is not {wanted}; correct or empty it", rows.to_numpy(dtype=bool))

    def accuse(self, name: str, remedy: str, rows: Mask) -> None:
        self.faults.append(Fault(name, remedy, rows))


_ENDS = ("origin", "destination")
_PICKUP = ("lpeppickupdatetime", "tpeppickupdatetime", "trippickupdatetime", "pickupdatetime")
_DROPOFF = ("lpepdropoffdatetime", "tpepdropoffdatetime", "tripdropoffdatetime", "dropoffdatetime")
_ZONES = {"origin": ("pulocationid", "pickuplocationid"), "destination": ("dolocationid", "dropofflocationid")}
_LATITUDES = {"origin": ("pickuplatitude", "startlat"), "destination": ("dropofflatitude", "endlat")}
_LONGITUDES = {"origin": ("pickuplongitude", "startlon"), "destination": ("dropofflongitude", "endlon")}


@dataclass(frozen=True)
class TlcSource:
    """Trip records of the New York City TLC: local times without zone; taxi zones, or coordinates up to mid-2016.

    Metered distance, fares and tolls are not read: they are known only after the ride.
    """

    name: str = "TLC trip records"

    def recognises(self, header: Sequence[str]) -> bool:
        """By either time column's name."""
        found = _Header.of(header)
        return found.find(_PICKUP) is not None or found.find(_DROPOFF) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Times and both places."""
        found = _Header.of(header)
        missing = []
        if found.find(_PICKUP) is None:
            missing.append("a pickup time (lpep_pickup_datetime, tpep_pickup_datetime or pickup_datetime)")
        if found.find(_DROPOFF) is None:
            missing.append("a drop-off time (lpep_dropoff_datetime, tpep_dropoff_datetime or dropoff_datetime)")
        for end, zone in (("origin", "PULocationID"), ("destination", "DOLocationID")):
            coordinates = found.find(_LATITUDES[end]) and found.find(_LONGITUDES[end])
            if found.find(_ZONES[end]) is None and not coordinates:
                missing.append(f"the {end} ({zone}, or its latitude and longitude)")
        return missing

    def read(self, table: pa.Table, *, object_key: str) -> Reading:
        """Local times become instants; an hour that occurs twice is told apart by the trip's own length."""
        reader = _Reader(table, _Header.of(table.column_names))
        pickup_wall, dropoff_wall = self._wall_time(reader, _PICKUP), self._wall_time(reader, _DROPOFF)
        pickup_at_s, duration_s = _measure_local_trip(reader, pickup_wall, dropoff_wall)
        columns = {
            "pickup_at_s": pickup_at_s,
            "pickup_wall_s": _to_seconds(pickup_wall),
            "rain_mm_per_h": np.full(reader.rows, np.nan),
            "duration_s": duration_s,
        }
        for end in _ENDS:
            zone = reader.number(_ZONES[end])
            latitude, longitude = reader.number(_LATITUDES[end]), reader.number(_LONGITUDES[end])
            columns |= _place(end, zone, *_drop_null_island(latitude, longitude))
        if month := _MONTH.findall(object_key.rsplit("/", 1)[-1]):
            _accuse_other_months(reader, pickup_wall, "-".join(month[-1]))
        return Reading(columns, reader.faults)

    def _wall_time(self, reader: _Reader, names: Sequence[str]) -> pd.Series:
        series = reader.series(names)
        assert series is not None  # noqa: S101  # find_missing made sure
        if isinstance(series.dtype, pd.DatetimeTZDtype):
            return series.dt.tz_convert(DEFAULT_TIME_ZONE).dt.tz_localize(None)
        times = pd.to_datetime(series, errors="coerce", format="ISO8601" if series.dtype != "datetime64[us]" else None)
        if times.isna().sum() > series.isna().sum():
            # Older files write 01/31/2015 12:34:56 AM.
            times = times.fillna(pd.to_datetime(series, errors="coerce", format="%m/%d/%Y %I:%M:%S %p"))
            reader.accuse_unreadable(
                names, series.notna() & times.isna(), "a date and time such as 2023-01-31 17:05:00"
            )
        return times


@dataclass(frozen=True)
class CanonicalSource:
    """The canonical table: see `schema.Trip` for its columns."""

    name: str = "canonical trips"

    def recognises(self, header: Sequence[str]) -> bool:
        """By either time column's name."""
        found = _Header.of(header)
        return found.find(["pickupat"]) is not None or found.find(["dropoffat"]) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Times and both places."""
        found = _Header.of(header)
        missing = [name for name in ("pickup_at", "dropoff_at") if found.find([simplify(name)]) is None]
        for end in _ENDS:
            coordinates = found.find([f"{end}latitude"]) and found.find([f"{end}longitude"])
            if found.find([f"{end}zone"]) is None and not coordinates:
                missing.append(f"{end}_latitude and {end}_longitude, or {end}_zone")
        return missing

    def read(self, table: pa.Table, *, object_key: str) -> Reading:  # noqa: ARG002  # the table says all
        """Times carry their zone; the city's clock is `time_zone`, row by row."""
        reader = _Reader(table, _Header.of(table.column_names))
        pickup_at_s, dropoff_at_s = self._instant(reader, "pickup_at"), self._instant(reader, "dropoff_at")
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

    def _instant(self, reader: _Reader, name: str) -> Column:
        series = reader.series([simplify(name)])
        assert series is not None  # noqa: S101  # find_missing made sure
        if pd.api.types.is_datetime64_dtype(series.dtype):
            reader.accuse(f"{name}_without_zone", f"{name} has no time zone; store UTC", series.notna().to_numpy())
        elif not isinstance(series.dtype, pd.DatetimeTZDtype):
            text = series.astype("str")
            zoned = text.str.contains(r"(?:[zZ]|[+-]\d{2}:?\d{2})$", regex=True, na=False)
            bare = series.notna() & ~zoned
            reader.accuse(
                f"{name}_without_zone",
                f"{name} has no zone or offset; write 2023-01-31T17:05:00-05:00",
                bare.to_numpy(),
            )
            times = pd.to_datetime(text.where(zoned), errors="coerce", format="ISO8601", utc=True)
            reader.accuse_unreadable([simplify(name)], zoned & times.isna(), "an ISO 8601 time")
            series = times
        return _to_seconds(series)


def _to_seconds(times: pd.Series) -> Column:
    """Seconds since 1970, as UTC where there is a zone and on the wall where there is none; NaN for no time."""
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(times.dtype, pd.DatetimeTZDtype) else times
    microseconds = plain.astype("datetime64[us]").to_numpy().astype(np.int64)
    return as_column(np.where(plain.isna(), np.nan, microseconds / 1e6))


def _measure_local_trip(reader: _Reader, pickup: pd.Series, dropoff: pd.Series) -> tuple[Column, Column]:
    """Pickup instants and durations in seconds, from local times of New York.

    When summer time ends, an hour occurs twice: the earlier pickup is taken, and the later drop-off where the earlier
    would come before the pickup. When it begins, an hour is skipped: a time within it is a fault.
    """
    start = _localise(pickup, earlier=True)
    end, late_end = _localise(dropoff, earlier=True), _localise(dropoff, earlier=False)
    for wall, instant, name in ((pickup, start, "pickup"), (dropoff, end, "drop-off")):
        skipped = (wall.notna() & instant.isna()).to_numpy()
        reader.accuse("skipped_hour", f"{name} lies in the hour that summer time skips; correct the clock", skipped)
    start_s, end_s, late_s = _to_seconds(start), _to_seconds(end), _to_seconds(late_end)
    return start_s, np.where(end_s < start_s, late_s, end_s) - start_s


def _localise(wall: pd.Series, *, earlier: bool) -> pd.Series:
    is_summer_time = np.full(len(wall), earlier)
    return wall.dt.tz_localize(DEFAULT_TIME_ZONE, ambiguous=is_summer_time, nonexistent="NaT")


def _place(end: str, zone: Column, latitude: Column, longitude: Column) -> dict[str, Column]:
    """The end's columns: coordinates where given, else the middle of the zone."""
    zone_latitude, zone_longitude = read_zone_table().locate(zone)
    given = np.isfinite(latitude) & np.isfinite(longitude)
    return {
        f"{end}_latitude": np.where(given, latitude, zone_latitude),
        f"{end}_longitude": np.where(given, longitude, zone_longitude),
        f"{end}_zone": np.where(given, np.nan, zone),
    }


def _drop_null_island(latitude: Column, longitude: Column) -> tuple[Column, Column]:
    """The TLC writes 0, 0 where the position was not known."""
    lost = (latitude == 0.0) & (longitude == 0.0)
    return np.where(lost, np.nan, latitude), np.where(lost, np.nan, longitude)


def _accuse_other_months(reader: _Reader, pickup: pd.Series, month: str) -> None:
    other = (pickup.dt.strftime("%Y-%m") != month) & pickup.notna()
    remedy = f"pickup is not in {month}, the month in the file's name; the car's clock was wrong, leave it out"
    reader.accuse("outside_the_month", remedy, other.to_numpy())


def _read_wall(reader: _Reader, instant_s: Column) -> Column:
    """Wall times by each row's own zone."""
    series = reader.series(["timezone"])
    if series is None:
        return read_zone_clock(DEFAULT_TIME_ZONE).to_wall_s(instant_s)
    names = series.fillna(DEFAULT_TIME_ZONE).astype("str").to_numpy()
    wall_s = np.full(len(instant_s), np.nan)
    unknown = np.zeros(len(instant_s), dtype=np.bool_)
    for name in np.unique(names):
        rows = names == name
        if _is_zone(name):
            wall_s[rows] = read_zone_clock(name).to_wall_s(instant_s[rows])
        else:
            unknown |= rows
    reader.accuse(
        "unknown_time_zone", "time_zone is not an IANA name such as America/New_York; correct or empty it", unknown
    )
    return wall_s


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


SOURCES: tuple[Source, ...] = (CanonicalSource(), TlcSource())
