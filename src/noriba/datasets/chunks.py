"""How a large file is read in pieces: row groups of Parquet, stretches of lines of CSV.

Every piece can be read by itself, by another function, and all pieces together are the file, row for row. For that a
CSV row must end with its line: a value that holds a line break is not supported, and its lines are called broken.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from noriba.errors import RefusedObjectError
from noriba.records.ingest import Chunk, FilePlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARQUET_ROWS_PER_CHUNK = 250_000
CSV_BYTES_PER_CHUNK = 48 * 2**20
_CSV_HEADER_LIMIT = 2**16
_LINE_STEP = 2**16
# As pyarrow reads a field: a quote opens only at its start, and closes where no second one follows.
_FIELD = rb'(?:"(?:[^"]|"")*"(?!")[^,]*|[^",][^,]*|)'
_CLOSED_LINE = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*")


class BinaryFile(Protocol):
    """What is read: an open file, or an object that fetches only what is asked for."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes from here; all that follow when negative."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position."""


@dataclass(frozen=True)
class BrokenLine:
    """A CSV line with an open quote, in another encoding, or whose number of fields is not the header's."""

    row: int
    text: str
    problem: str


@dataclass(frozen=True)
class RawRows:
    """What a chunk holds: the rows that make a table, and the lines that do not.

    Attributes:
        table: rows in file order. CSV columns are strings: whether a value is right is judged row by row later.
        row_numbers: the place of each table row in its chunk, from 0; broken lines count.
        broken: lines that fit no table.
    """

    table: pa.Table
    row_numbers: Sequence[int]
    broken: Sequence[BrokenLine] = field(default=())

    @property
    def rows_read(self) -> int:
        """All rows, whole and broken."""
        return int(self.table.num_rows) + len(self.broken)


def plan_file(file: BinaryFile, *, size: int) -> FilePlan:
    """Look at a file's beginning and end and say how to read it.

    Raises:
        RefusedObjectError: empty, neither Parquet nor CSV, damaged, without rows, or with two columns of one name.
    """
    if size == 0:
        raise RefusedObjectError("the file is empty (0 bytes)")
    file.seek(0)
    plan = _plan_parquet(file) if file.read(4) == b"PAR1" else _plan_csv(file, size=size)
    if repeated := sorted({name for name in plan.header if plan.header.count(name) > 1}):
        raise RefusedObjectError(f"column {', '.join(repeated)} stands in the header more than once")
    return plan


def read_chunk(file: BinaryFile, plan: FilePlan, chunk: Chunk) -> RawRows:
    """The rows of one chunk, in file order.

    Raises:
        RefusedObjectError: the file is damaged within this chunk.
    """
    if plan.format == "parquet":
        with _refusing("Parquet"):
            groups = list(range(chunk.first, chunk.last))
            table = pa.parquet.ParquetFile(file).read_row_groups(groups, use_threads=True)
        return RawRows(table, range(table.num_rows))
    return _read_csv(file, plan, chunk)


def _plan_parquet(file: BinaryFile) -> FilePlan:
    with _refusing("Parquet"):
        metadata = pa.parquet.ParquetFile(file)
        rows = [metadata.metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        header = tuple(metadata.schema_arrow.names)
    if sum(rows) == 0:
        raise RefusedObjectError("the file has columns but no rows; is the extract of an empty month?")
    starts, filled = [0], 0
    for index, count in enumerate(rows):
        if filled and filled + count > PARQUET_ROWS_PER_CHUNK:
            starts.append(index)
            filled = 0
        filled += count
    return FilePlan(format="parquet", header=header, chunks=_make_chunks([*starts, len(rows)]))


def _plan_csv(file: BinaryFile, *, size: int) -> FilePlan:
    file.seek(0)
    head = file.read(_CSV_HEADER_LIMIT)
    if b"\0" in head:
        raise RefusedObjectError("neither Parquet nor CSV: the file begins with binary data")
    line, newline, _rest = head.partition(b"\n")
    with _refusing("CSV"):
        header = tuple(pa.csv.read_csv(io.BytesIO(line + b"\n")).column_names)
    first = len(line) + 1
    if not newline or not _has_text(file, first):
        raise RefusedObjectError(f"the file has a header ({', '.join(header)}) but no rows")
    edges = [*range(first, size, CSV_BYTES_PER_CHUNK), size]
    return FilePlan(format="csv", header=header, chunks=_make_chunks(edges))


def _has_text(file: BinaryFile, offset: int) -> bool:
    file.seek(offset)
    while block := file.read(_LINE_STEP):
        if block.strip():
            return True
    return False


def _make_chunks(edges: Sequence[int]) -> tuple[Chunk, ...]:
    return tuple(Chunk(index=index, first=first, last=last) for index, (first, last) in enumerate(pairwise(edges)))


def _read_csv(file: BinaryFile, plan: FilePlan, chunk: Chunk) -> RawRows:
    lines = [line for line in _read_whole_lines(file, chunk, is_first=chunk.index == 0).splitlines() if line]
    faults = {row: fault for row, line in enumerate(lines) if (fault := _find_fault(line))}
    broken = [BrokenLine(row, lines[row].decode(errors="replace"), fault) for row, fault in faults.items()]
    whole = [row for row in range(len(lines)) if row not in faults]
    if not whole:
        return RawRows(pa.table({name: pa.array([], pa.string()) for name in plan.header}), (), broken)
    table, misfits = _parse_csv(b"\n".join(lines[row] for row in whole), plan.header)
    broken += [BrokenLine(whole[misfit.row], misfit.text, misfit.problem) for misfit in misfits]
    skipped = {line.row for line in broken}
    return RawRows(table, [row for row in whole if row not in skipped], sorted(broken, key=lambda line: line.row))


def _find_fault(line: bytes) -> str | None:
    """What would make a line unreadable, or make it swallow the lines that follow."""
    if b'"' in line and not _CLOSED_LINE.fullmatch(line):
        return "a quote is not closed on its line; a value can hold no line break"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not UTF-8 text; save the file as UTF-8"
    return None


def _parse_csv(text: bytes, header: Sequence[str]) -> tuple[pa.Table, list[BrokenLine]]:
    misfits: list[BrokenLine] = []

    def keep_misfit(line: pa.csv.InvalidRow) -> str:
        # The reader counts from 1, and only without threads.
        problem = f"{line.actual_columns} fields instead of {line.expected_columns}; a comma in a value needs quotes"
        misfits.append(BrokenLine(line.number - 1, line.text, problem))
        return "skip"

    with _refusing("CSV"):
        table = pa.csv.read_csv(
            io.BytesIO(text),
            read_options=pa.csv.ReadOptions(column_names=list(header), use_threads=False),
            parse_options=pa.csv.ParseOptions(invalid_row_handler=keep_misfit),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    return table, misfits


def _read_whole_lines(file: BinaryFile, chunk: Chunk, *, is_first: bool) -> bytes:
    """The lines that begin within the chunk: from its first line start to the end of the line that crosses its end."""
    # One byte before the chunk tells whether a line begins exactly at its edge.
    begin = chunk.first if is_first else chunk.first - 1
    file.seek(begin)
    text = file.read(chunk.last - begin)
    while not text.endswith(b"\n"):
        more = file.read(_LINE_STEP)
        line, newline, _rest = more.partition(b"\n")
        text += line + newline
        if newline or not more:
            break
    if is_first:
        return text
    _before, _newline, lines = text.partition(b"\n")
    return lines


@contextmanager
def _refusing(kind: str) -> Iterator[None]:
    """Say in our words that a file is damaged; pyarrow's message says where."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RefusedObjectError(f"not readable as {kind}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
