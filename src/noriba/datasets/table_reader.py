"""A raw table read column by column: whatever does not read becomes NaN, and is remembered as a fault.

For a use case's sources. Column names are compared without case, spaces and underscores: people spell them every way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from noriba.datasets.sources import Fault
from noriba.features import Column, as_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from noriba.features.words import Vocabulary
    from noriba.usecase import Mask

# No time, number or name is half as long; what one costs to read may grow faster than its length.
_LONGEST = 100
A_TIME = "a date and time such as 2023-01-31 17:05:00"
_OFFSET = r"(?:[zZ]|[tT ].*[+-]\d{2}(?::?\d{2})?)$"


def simplify(name: str) -> str:
    """A column's name without case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name).lower()


@dataclass(frozen=True)
class Header:
    """The columns of a file, found by any of their names."""

    by_simple_name: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, names: Sequence[str]) -> Header:
        """The header of a file."""
        by_simple_name: dict[str, list[str]] = {}
        for name in names:
            by_simple_name.setdefault(simplify(name), []).append(name)
        return cls(by_simple_name)

    def find(self, names: Sequence[str]) -> str | None:
        """The file's own spelling of the first of these (simple) names that it has."""
        return next((self.by_simple_name[name][0] for name in names if name in self.by_simple_name), None)

    def find_ambiguous(self, names: Iterable[str]) -> list[str]:
        """Those of the names that several columns have, for people."""
        found = (self.by_simple_name.get(name, ()) for name in names)
        return [f"one column, not {len(same)}, named {' or '.join(same)}" for same in found if len(same) > 1]


class TableReader:
    """One raw table; every value that does not read becomes NaN and is remembered as a fault."""

    def __init__(self, table: pa.Table, header: Header) -> None:
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
        self.report_unreadable(names, series.notna() & values.isna(), "a number")
        return as_column(values.to_numpy(dtype=np.float64, na_value=np.nan))

    def text(self, names: Sequence[str]) -> pd.Series | None:
        """Text as it stands; null where the field is empty."""
        return self._series(names)

    def times(self, names: Sequence[str]) -> pd.Series:
        """Times with or without a zone, or text: as the column is typed."""
        series = self._series(names, pa.types.is_timestamp)
        assert series is not None  # noqa: S101  # find_missing made sure
        return series

    def instant(self, name: str) -> Column:
        """Times with zone or offset, as seconds since 1970 UTC; without one they are a fault."""
        names = [simplify(name)]
        found = self.times(names)
        if pd.api.types.is_string_dtype(found.dtype):
            times, zoned = parse_times(found)
        else:
            times = drop_absurd(found)
            zoned = pd.Series(isinstance(times.dtype, pd.DatetimeTZDtype), index=found.index)
        self.report_unreadable(names, found.notna() & times.isna(), A_TIME)
        remedy = f"{name} has no zone or offset; write 2023-01-31T17:05:00-05:00, or store UTC"
        self.report(f"{name}_without_zone", remedy, (times.notna() & ~zoned).to_numpy(dtype=bool))
        return to_seconds(times)

    def word(self, name: str, vocabulary: Vocabulary) -> Column:
        """Words as their numbers in a vocabulary; NaN where the field is empty or the column absent."""
        series = self.text([simplify(name)])
        if series is None:
            return np.full(self.rows, np.nan)
        numbers, words = pd.factorize(series)
        coded = np.append(vocabulary.number([str(word) for word in words]), np.nan)
        values = as_column(coded[numbers])
        remedy = f"{name} is none of {', '.join(vocabulary.words)}; correct or empty it"
        self.report(f"unknown_{name}", remedy, (series.notna().to_numpy() & np.isnan(values)))
        return values

    def _series(self, names: Sequence[str], *is_wanted: Callable[[pa.DataType], bool]) -> pd.Series | None:
        name = self._header.find(names)
        if name is None:
            return None
        series = _make_plain(self._table[name], is_wanted).to_pandas()
        return series.str.strip().replace("", None) if pd.api.types.is_string_dtype(series.dtype) else series

    def report_unreadable(self, names: Sequence[str], rows: pd.Series, wanted: str) -> None:
        """Remember rows whose value is not what was wanted."""
        name = self._header.find(names)
        self.report(f"unreadable_{name}", f"{name} is not {wanted}; correct or empty it", rows.to_numpy(dtype=bool))

    def report(self, name: str, remedy: str, rows: Mask) -> None:
        """Remember rows that resist."""
        self.faults.append(Fault(name, remedy, rows))


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


def parse_times(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """ISO 8601 text as UTC, and which rows name their zone; the others' wall times stand as if they were UTC."""
    times = pd.to_datetime(keep_numeric(text), errors="coerce", format="ISO8601", utc=True)
    return drop_absurd(times), text.str.contains(_OFFSET, regex=True, na=False)


def keep_numeric(text: pd.Series) -> pd.Series:
    """Empty where the text does not begin with a digit: pandas takes «now» and «today» for the time of the reading."""
    return text.where(text.str.match(r"\d", na=False))


def drop_absurd(times: pd.Series) -> pd.Series:
    """Empty where the year is not from 1900 to 2199: far out, pandas computes no local times, and raises."""
    zone = "UTC" if isinstance(times.dtype, pd.DatetimeTZDtype) else None
    first, end = pd.Timestamp("1900-01-01", tz=zone), pd.Timestamp("2200-01-01", tz=zone)
    return times.where((times >= first) & (times < end))


def to_seconds(times: pd.Series) -> Column:
    """Seconds since 1970, as UTC where there is a zone and on the wall where there is none; NaN for no time."""
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(times.dtype, pd.DatetimeTZDtype) else times
    microseconds = plain.astype("datetime64[us]").to_numpy().astype(np.int64)
    return as_column(np.where(plain.isna(), np.nan, microseconds / 1e6))
