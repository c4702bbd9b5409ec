"""What every kind of raw file has in common: how it is read, what its rows become, and how large it may be.

Whoever writes a file decides what stands in it, so nothing here grows faster than the file: what would is refused, with
the remedy, before it is read.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import pyarrow as pa

from noriba.errors import RefusedObjectError
from noriba.records.ingest import Chunk, FileFormat, FilePlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_COLUMNS = 1_000
MOST_HEADER_BYTES = 2**16
"""Of the header as JSON. With the chunks it travels in a state of at most 256 KiB, the event and the failure beside it.

https://docs.aws.amazon.com/step-functions/latest/dg/limits-overview.html
"""
MOST_CHUNKS = 400
"""The largest files are thus 6.25 GiB of CSV or 100 million rows of Parquet.

In the state a chunk has some 70 bytes, and in the ledger's entry of the object, which DynamoDB limits to 400 KB, up to
900: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
MOST_CHUNK_MEMORY_MIB = 900
"""Of a process that reads and transforms a chunk, whatever stands in it; `python -m benchmarks hostile` measures it.

An honest chunk takes less than half.
"""
_SHOWN_CHARACTERS = 600

Rows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

BROKEN = pa.schema([("row", pa.int64()), ("text", pa.string()), ("problem", pa.dictionary(pa.int32(), pa.string()))])
"""Lines that fit no table: their places among the chunk's rows, from 0, what stands there, and what is wrong there."""


class BinaryFile(Protocol):
    """What is read: an open file, or an object that fetches only what is asked for."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes from here; all that follow when negative."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position."""


@dataclass(frozen=True)
class RawRows:
    """What a chunk holds: the rows that make a table, and the lines that do not.

    Attributes:
        table: rows in file order. CSV columns are strings: whether a value is right is validated row by row later.
        row_numbers: the place of each table row in its chunk, from 0; broken lines count.
        broken: lines that fit no table, as `BROKEN` says.
    """

    table: pa.Table
    row_numbers: Rows
    broken: pa.Table = field(default_factory=BROKEN.empty_table)

    @classmethod
    def whole(cls, table: pa.Table) -> RawRows:
        """Rows of which none is broken."""
        return cls(table, np.arange(table.num_rows, dtype=np.int64))

    @property
    def rows_read(self) -> int:
        """All rows, whole and broken."""
        return int(self.table.num_rows + self.broken.num_rows)


def make_plan(kind: FileFormat, header: Sequence[str], edges: Sequence[int]) -> FilePlan:
    """The plan with a chunk between each two edges.

    Raises:
        RefusedObjectError: more chunks than a plan may hold.
    """
    check_number(len(edges) - 1)
    chunks = tuple(Chunk(index=index, first=first, last=last) for index, (first, last) in enumerate(pairwise(edges)))
    return FilePlan(format=kind, header=tuple(header), chunks=chunks)


def check_number(chunks: int) -> None:
    """See that a plan can hold so many chunks.

    Raises:
        RefusedObjectError: it cannot.
    """
    if chunks > MOST_CHUNKS:
        raise RefusedObjectError(
            f"the file makes {chunks:,} chunks, and {MOST_CHUNKS:,} are the most; land it as several files"
        )


def check_header(header: Sequence[str]) -> None:
    """See that a header can be worked with.

    Raises:
        RefusedObjectError: too many columns or too long names, or two columns of one name.
    """
    if len(header) > MOST_COLUMNS:
        raise RefusedObjectError(f"the file has {len(header):,} columns; leave out some, {MOST_COLUMNS:,} are the most")
    if len(json.dumps(header)) > MOST_HEADER_BYTES:
        raise RefusedObjectError(f"the columns' names are longer than {MOST_HEADER_BYTES:,} bytes; shorten them")
    if repeated := [name for name, times in Counter(header).items() if times > 1]:
        # By their places: where the header is missing, these are values of a row.
        places = [str(place) for place, name in enumerate(header, 1) if name == repeated[0]]
        raise RefusedObjectError(
            f"columns {list_names(places)} have the same name; rename them, or write a header where there is none"
        )


def list_names(names: Sequence[str]) -> str:
    """The names, or as much of them as a person would read: a function's message is cut where it is too long."""
    text = ", ".join(names)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} …"


@contextmanager
def refusing(kind: str) -> Iterator[None]:
    """Say in our words that a file is damaged; pyarrow's message says where."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RefusedObjectError(f"not readable as {kind}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
