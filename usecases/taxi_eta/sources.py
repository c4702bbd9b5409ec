"""Raw trips: the TLC's green and yellow files of every year, and the canonical table.

Column names are compared without case, spaces and underscores, because the TLC has spelt them in every way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from noriba.datasets.sources import Fault, Reading, Source
from noriba.features import Column, as_column
from noriba.features.clock import list_zones, read_zone_clock
from usecases.taxi_eta.schema import DEFAULT_TIME_ZONE, Trip
from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from noriba.usecase import Mask

_MONTH = re.compile(r"(?<!\d)(20\d{2})-(0[1-9]|1[0-2])(?!\d)")


def simplify(name: str) -> str:
    """A column's name without case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name).lower()


@dataclass(frozen=True)
class _Header:
    """The columns of a file, found by any of their names."""

    by_simple_name: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, names: Sequence[str]) -> _Header:
        by_simple_name: dict[str, list[str]] = {}
        for name in names:
            by_simple_name.setdefault(simplify(name), []).append(name)
        return cls(by_simple_name)

    def find(self, names: Sequence[str]) -> str | None:
        return next((self.by_simple_name[name][0] for name in names if name in self.by_simple_name), None)

    def find_ambiguous(self, names: Iterable[str]) -> list[str]:
        """Those of the names that several columns have, for people."""
        found = (self.by_simple_name.get(name, ()) for name in names)
        return [f"one column, not {len(same)}, named {' or '.join(same)}" for same in found if len(same) > 1]


class _Reader:
    """One raw table; every value that does not read becomes NaN and is remembered as a fault."""

    def __init__(self, table: pa.Table, header: _Header) -> None:
        self._table = table
        self._header = header
        self.rows = table.num_rows
        self.faults: list[Fault] = []

    def number(self, names: Sequence[str]) -> Column:
        """Numbers; NaN where the field is empty or the column absent."""
        series = self._series(names, pa.types.is_integer, pa.types.is_floating)
        if series is None:
            return np.full(self.rows, np.nan)
        values = pd.to_numeric(series, errors="coerce")
        self.accuse_unreadable(names, series.notna() & values.isna(), "a number")
        return as_column(values.to_numpy(dtype=np.float64, na_value=np.nan))

    def text(self, names: Sequence[str]) -> pd.Series | None:
        """Text as it stands; null where the field is empty."""
        return self._series(names)

    def times(self, names: Sequence[str]) -> pd.Series:
        """Times with or without a zone, or text: as the column is typed."""
        series = self._series(names, pa.types.is_timestamp)
        assert series is not None  # noqa: S101  # find_missing made sure
        return series

    def _series(self, names: Sequence[str], *is_wanted: Callable[[pa.DataType], bool]) -> pd.Series | None:
        name = self._header.find(names)
        if name is None:
            return None
        series = _make_plain(self._table[name], is_wanted).to_pandas()
        return series.str.strip().replace("", None) if pd.api.types.is_string_dtype(series.dtype) else series

    def accuse_unreadable(self, names: Sequence[str], rows: pd.Series, wanted: str) -> None:
        name = self._header.find(names)
        self.accuse(f"unreadable_{name}", f"{name} is not {wanted}; correct or empty it", rows.to_numpy(dtype=bool))

    def accuse(self, name: str, remedy: str, rows: Mask) -> None:
        self.faults.append(Fault(name, remedy, rows))


# No time, number or zone's name is half as long; what one costs to read may grow faster than its length.
_LONGEST = 100
_A_TIME = "a date and time such as 2023-01-31 17:05:00"
_OFFSET = r"(?:[zZ]|[tT ].*[+-]\d{2}(?::?\d{2})?)$"
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
        found = _Header.of(header)
        return found.find(_PICKUP) is not None or found.find(_DROPOFF) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Times and both places, each once."""
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
        return missing + found.find_ambiguous(_TLC_NAMES)

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
            columns |= _place(end, zone, *_drop_lost(latitude, longitude))
        if month := _MONTH.findall(object_key.rsplit("/", 1)[-1]):
            _accuse_other_months(reader, pickup_wall, "-".join(month[-1]))
        return Reading(columns, reader.faults)

    def _wall_time(self, reader: _Reader, names: Sequence[str]) -> pd.Series:
        found = reader.times(names)
        if pd.api.types.is_string_dtype(found.dtype):
            times, zoned = _parse_times(found)
            wall = times.dt.tz_localize(None).where(~zoned, _to_new_york(times))
            # Older files write 01/31/2015 12:34:56 AM.
            other = _keep_numeric(found).where(wall.isna())
            american = pd.to_datetime(other, errors="coerce", format="%m/%d/%Y %I:%M:%S %p")
            wall = wall.fillna(_drop_absurd(american))
        else:
            times = _drop_absurd(found)
            wall = _to_new_york(times) if isinstance(times.dtype, pd.DatetimeTZDtype) else times
        reader.accuse_unreadable(names, found.notna() & wall.isna(), _A_TIME)
        return wall


@dataclass(frozen=True)
class CanonicalSource:
    """The canonical table: see `schema.Trip` for its columns."""

    name: str = "canonical trips"

    def recognises(self, header: Sequence[str]) -> bool:
        """By either time column's name."""
        found = _Header.of(header)
        return found.find(["pickupat"]) is not None or found.find(["dropoffat"]) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Times and both places, each once."""
        found = _Header.of(header)
        missing = [name for name in ("pickup_at", "dropoff_at") if found.find([simplify(name)]) is None]
        for end in _ENDS:
            coordinates = found.find([f"{end}latitude"]) and found.find([f"{end}longitude"])
            if found.find([f"{end}zone"]) is None and not coordinates:
                missing.append(f"{end}_latitude and {end}_longitude, or {end}_zone")
        return missing + found.find_ambiguous(simplify(name) for name in Trip.model_fields)

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
        found = reader.times([simplify(name)])
        if pd.api.types.is_string_dtype(found.dtype):
            times, zoned = _parse_times(found)
        else:
            times = _drop_absurd(found)
            zoned = pd.Series(isinstance(times.dtype, pd.DatetimeTZDtype), index=found.index)
        reader.accuse_unreadable([simplify(name)], found.notna() & times.isna(), _A_TIME)
        remedy = f"{name} has no zone or offset; write 2023-01-31T17:05:00-05:00, or store UTC"
        reader.accuse(f"{name}_without_zone", remedy, (times.notna() & ~zoned).to_numpy(dtype=bool))
        return _to_seconds(times)


def _make_plain(column: pa.ChunkedArray, is_wanted: Sequence[Callable[[pa.DataType], bool]]) -> pa.ChunkedArray:
    """A column of a wanted type, or text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _make_plain(column.cast(kind.value_type), is_wanted)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s"), safe=False)
    elif pa.types.is_timestamp(kind) and kind.tz:
        column = column.cast(pa.timestamp(kind.unit, "UTC"))
    if any(is_kind(column.type) for is_kind in is_wanted):
        return column
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _shorten(column)
    if pa.types.is_string_view(kind):
        return _shorten(column.cast(pa.string()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [value and value[: _LONGEST + 1].decode(errors="replace") for value in column.to_pylist()]
        return _shorten(pa.chunked_array([texts], pa.string()))
    # What is neither has no reading: the type's name stands for each value, and is refused as any wrong word is.
    return pa.compute.if_else(column.is_valid(), str(kind), pa.scalar(None, pa.string()))


def _shorten(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with a word that is no value for each that is too long to be one."""
    return pa.compute.if_else(pa.compute.greater(pa.compute.binary_length(column), _LONGEST), "too long", column)


def _parse_times(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """ISO 8601 text as UTC, and which rows name their zone; the others' wall times stand as if they were UTC."""
    times = pd.to_datetime(_keep_numeric(text), errors="coerce", format="ISO8601", utc=True)
    return _drop_absurd(times), text.str.contains(_OFFSET, regex=True, na=False)


def _keep_numeric(text: pd.Series) -> pd.Series:
    """Empty where the text does not begin with a digit: pandas takes «now» and «today» for the time of the reading."""
    return text.where(text.str.match(r"\d", na=False))


def _drop_absurd(times: pd.Series) -> pd.Series:
    """Empty where the year is not from 1900 to 2199: far out, pandas computes no local times, and raises."""
    zone = "UTC" if isinstance(times.dtype, pd.DatetimeTZDtype) else None
    first, end = pd.Timestamp("1900-01-01", tz=zone), pd.Timestamp("2200-01-01", tz=zone)
    return times.where((times >= first) & (times < end))


def _to_new_york(times: pd.Series) -> pd.Series:
    return times.dt.tz_convert(DEFAULT_TIME_ZONE).dt.tz_localize(None)


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
    for name, wall, instant in (("pickup", pickup, start), ("dropoff", dropoff, end)):
        skipped = (wall.notna() & instant.isna()).to_numpy()
        remedy = f"{name} lies in the hour that summer time skips; correct the clock"
        reader.accuse(f"{name}_in_skipped_hour", remedy, skipped)
    start_s, end_s, late_s = _to_seconds(start), _to_seconds(end), _to_seconds(late_end)
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


def _accuse_other_months(reader: _Reader, pickup: pd.Series, month: str) -> None:
    other = (pickup.dt.strftime("%Y-%m") != month) & pickup.notna()
    remedy = f"pickup is not in {month}, the month in the file's name; the car's clock was wrong, leave it out"
    reader.accuse("outside_the_month", remedy, other.to_numpy())


def _read_wall(reader: _Reader, instant_s: Column) -> Column:
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
    reader.accuse(
        "unknown_time_zone", "time_zone is not an IANA name such as America/New_York; correct or empty it", unknown
    )
    return wall_s


SOURCES: tuple[Source, ...] = (CanonicalSource(), TlcSource())
