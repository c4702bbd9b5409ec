"""Answers and outcomes as Parquet, a stretch of rows at a time, so that an hour fits into the memory of a function.

The same rows in the same order make the same bytes with one release of pyarrow.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet

from noriba.records.names import read_version
from noriba.records.observations import ANSWERS, OUTCOMES, PREDICTIONS, ObservationTable
from noriba.timestamps import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer

ROWS_AT_ONCE = 20_000
_COMPRESSION: dict[str, Any] = {"compression": "zstd", "compression_level": 1}
TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
    "map<string,double>": pa.map_(pa.string(), pa.float64()),
}


class _MapColumn:
    """A column of maps, as Arrow keeps it: all keys, all values, and where each row's begin."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.items: list[Any] = []
        self._ends = [0]

    def extend(self, columns: Mapping[str, tuple[Any, ...]], rows: int) -> None:
        """Add a row for each value of the columns."""
        names = list(columns)
        self.keys.extend(names * rows)
        for items in zip(*columns.values(), strict=True):
            self.items.extend(items)
        last = self._ends[-1]
        self._ends.extend(last + len(names) * (row + 1) for row in range(rows))

    def to_array(self, kind: pa.MapType) -> pa.Array:
        """What was added."""
        return pa.MapArray.from_arrays(
            pa.array(self._ends, pa.int32()), pa.array(self.keys, kind.key_type), pa.array(self.items, kind.item_type)
        )


class _ParquetWriter:
    """Rows that come in columns, and leave as the bytes of one Parquet file."""

    def __init__(self, table: ObservationTable) -> None:
        self._schema = pa.schema([(name, TYPES[kind]) for name, kind in table.columns.items()])
        self._sink = io.BytesIO()
        self._writer = pa.parquet.ParquetWriter(self._sink, self._schema, **_COMPRESSION)
        self._begin()
        self.rows = 0

    def _begin(self) -> None:
        self._columns: dict[str, Any] = {
            field.name: _MapColumn() if pa.types.is_map(field.type) else [] for field in self._schema
        }
        self._waiting = 0

    def add(self, columns: Mapping[str, Any], rows: int) -> None:
        """Add rows: a value for each of them, one for all of them, or columns of a map; null where nothing is said."""
        for name, column in self._columns.items():
            given = columns.get(name)
            if isinstance(column, _MapColumn):
                column.extend(given or {}, rows)
            else:
                column.extend(given if isinstance(given, tuple) else [given] * rows)
        self.rows += rows
        self._waiting += rows
        if self._waiting >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        arrays = [
            column.to_array(field.type) if isinstance(column, _MapColumn) else pa.array(column, field.type)
            for field, column in zip(self._schema, self._columns.values(), strict=True)
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._begin()

    def finish(self) -> bytes:
        """All rows as Parquet."""
        self._flush()
        self._writer.close()
        return self._sink.getvalue()


class PredictionsFile:
    """One hour's answers; `rows` says how many there are."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint, self._writer = endpoint, _ParquetWriter(PREDICTIONS)

    @property
    def rows(self) -> int:
        """Rows that were answered."""
        return self._writer.rows

    def add(self, variant: str, answers: Iterable[CapturedAnswer]) -> None:
        """Add what a variant answered."""
        said = {"endpoint": self._endpoint, "variant": variant, "model_version": read_version(variant)}
        for one in answers:
            # An answer that is none counts against its model, so its rows are there all the same.
            numbers = ("low", "value", "high", "claimed_coverage") if one.is_whole else ()
            row = {
                "prediction_id": one.prediction_id,
                "candidate_id": one.candidate_ids,
                "answered_at_us": to_microseconds(one.at),
                **{name: getattr(one.answer, name) for name in numbers},
                "doubts": (tuple(map(len, one.answer.doubts)) or 0) if one.is_whole else None,
                "subject_group": one.group,
                "slices": one.slices,
                "features": one.features,
                "inputs": one.inputs,
            }
            self._writer.add({**said, **row}, len(one.candidate_ids))

    def finish(self, *, unreadable: int) -> bytes:
        """The file, with a row for each line that nobody could read."""
        self._writer.add({"endpoint": self._endpoint}, unreadable)
        return self._writer.finish()


def take_answers(predictions: bytes) -> bytes:
    """The file of answers that goes with one of predictions: the same rows, without what was asked."""
    given, sink = pa.parquet.ParquetFile(pa.BufferReader(predictions)), io.BytesIO()
    schema = pa.schema([given.schema_arrow.field(name) for name in ANSWERS.columns])
    with pa.parquet.ParquetWriter(sink, schema, **_COMPRESSION) as writer:
        for group in range(given.num_row_groups):
            writer.write_table(given.read_row_group(group, columns=list(ANSWERS.columns)))
    return sink.getvalue()


class OutcomesFile:
    """One hour's outcomes; `rows` says how many there are."""

    def __init__(self) -> None:
        self._writer = _ParquetWriter(OUTCOMES)

    @property
    def rows(self) -> int:
        """Outcomes that were reported."""
        return self._writer.rows

    def add(self, reports: Iterable[tuple[datetime, OutcomeObserved]]) -> None:
        """Add what was reported, and when."""
        for reported_at, outcome in reports:
            row = {
                "prediction_id": outcome.prediction_id,
                "candidate_id": outcome.candidate_id,
                "value": outcome.value,
                "observed_at_us": to_microseconds(outcome.observed_at),
                "reported_at_us": to_microseconds(reported_at),
            }
            self._writer.add(row, 1)

    def finish(self, *, unreadable: int) -> bytes:
        """The file, with a row for each line that nobody could read."""
        self._writer.add({}, unreadable)
        return self._writer.finish()
