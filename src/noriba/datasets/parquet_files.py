"""Parquet in pieces: so many rows each, whichever row groups they stand in.

A file of half a megabyte may hold twenty million rows, or one long text a million times. The footer says what rows take
in memory; of texts, nothing does. Texts are therefore read as dictionaries, in which a value stands once, and written
out only when it is known that they fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from noriba.datasets.raw import RawRows, check_header, check_number, make_plan, refusing
from noriba.errors import RefusedObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noriba.datasets.raw import BinaryFile
    from noriba.records.ingest import Chunk, FilePlan

PARQUET_ROWS_PER_CHUNK = 250_000
PARQUET_BYTES_PER_CHUNK = 32 * 2**20
"""As far as the footer tells; wide rows make smaller chunks."""
MOST_TEXT_BYTES = 64 * 2**20
"""Of a chunk's texts when each row has its own."""
MOST_GROUP_BYTES = 512 * 2**20
"""Of a row group, unpacked: it may be all one page, and a page is unpacked as a whole."""
MOST_GROUP_VALUES = 500_000_000
"""Rows times columns of a row group: its last rows are found by reading all before them, in seconds."""
MOST_FOOTER_BYTES = 16 * 2**20
_BATCH_ROWS = 2**16
_BATCH_BYTES = 8 * 2**20
_REMEDY = "write row groups of at most 1,000,000 rows (row_group_size in pyarrow and pandas)"
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4}
_WIDEST_NUMBER = 8
_TEXT = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_dictionary,
)


def plan_parquet(file: BinaryFile, *, size: int) -> FilePlan:
    """Chunks of so many rows: small row groups together, large ones in slices.

    Raises:
        RefusedObjectError: damaged, without rows, or too large to be read in pieces.
    """
    with refusing("Parquet"):
        _check_footer(file, size)
        opened = pq.ParquetFile(file)
        check_header(opened.schema_arrow.names)
        header = _list_flat(opened.schema_arrow)
        if not header:
            raise RefusedObjectError("the file has no column with one value a row, only lists and structures")
        groups = [opened.metadata.row_group(index) for index in range(opened.num_row_groups)]
        rows = [group.num_rows for group in groups]
        for index, group in enumerate(groups):
            check_group(index, rows=group.num_rows, columns=len(header), unpacked_bytes=group.total_byte_size)
        row_bytes = _measure_row(opened, header)
    if sum(rows) == 0:
        raise RefusedObjectError("the file has columns but no rows; is the extract of an empty month?")
    if row_bytes > PARQUET_BYTES_PER_CHUNK:
        raise RefusedObjectError(f"a row has {row_bytes:,} bytes of fixed length; leave out the widest columns")
    row_bytes += max(group.total_byte_size // (group.num_rows or 1) for group in groups)
    most = min(PARQUET_ROWS_PER_CHUNK, max(1, PARQUET_BYTES_PER_CHUNK // row_bytes))
    check_number(sum(rows) // most)
    return make_plan("parquet", header, list(find_edges(rows, most)))


def read_parquet(file: BinaryFile, plan: FilePlan, chunk: Chunk) -> RawRows:
    """The rows of the chunk.

    Raises:
        RefusedObjectError: damaged, or its texts are too long to be held.
    """
    with refusing("Parquet"):
        schema = pq.read_schema(file)
        texts = [name for name in plan.header if any(is_text(schema.field(name).type) for is_text in _TEXT)]
        opened = pq.ParquetFile(file, read_dictionary=texts)
        batches = list(_read_batches(opened, plan.header, chunk))
        table = pa.Table.from_batches(batches, batches[0].schema if batches else schema.empty_table().schema)
    if table.num_rows != chunk.last - chunk.first:
        raise RefusedObjectError("not readable as Parquet: it holds fewer rows than its footer promises")
    return RawRows.whole(table)


def _check_footer(file: BinaryFile, size: int) -> None:
    file.seek(max(0, size - 8))
    length = int.from_bytes(file.read(4), "little")
    if MOST_FOOTER_BYTES < length < size:
        raise RefusedObjectError(
            f"the file's footer has {length:,} bytes, and {MOST_FOOTER_BYTES:,} are the most; write fewer row groups"
        )


def check_group(index: int, *, rows: int, columns: int, unpacked_bytes: int) -> None:
    """See that a row group can be read a slice at a time.

    Raises:
        RefusedObjectError: it is too large for that, or none.
    """
    if rows < 0 or unpacked_bytes < 0:
        raise RefusedObjectError(f"not readable as Parquet: row group {index} has {rows} rows, {unpacked_bytes} bytes")
    if rows * columns > MOST_GROUP_VALUES:
        raise RefusedObjectError(f"row group {index} has {rows:,} rows of {columns} columns; {_REMEDY}")
    if unpacked_bytes > MOST_GROUP_BYTES:
        raise RefusedObjectError(f"row group {index} has {unpacked_bytes:,} bytes when unpacked; {_REMEDY}")


def _list_flat(schema: pa.Schema) -> list[str]:
    """The columns with one value a row.

    Lists, maps and structures are not read: nothing that trips are made of is one, and no footer bounds a list.
    """
    return [field.name for field in schema if not pa.types.is_nested(field.type)]


def _measure_row(opened: pq.ParquetFile, header: Sequence[str]) -> int:
    """Bytes of a row in memory, texts at the length of nothing."""
    flat = set(header)
    columns = (opened.metadata.schema.column(index) for index in range(opened.metadata.num_columns))
    kinds = [(column.physical_type, column.length) for column in columns if column.path in flat]
    return max(1, sum(length or _WIDTHS.get(kind, _WIDEST_NUMBER) for kind, length in kinds))


def find_edges(rows: Sequence[int], most: int) -> Iterator[int]:
    """Where chunks of at most so many rows begin, in rows from the file's first, and where the last one ends.

    A row group is cut only when it is larger than a chunk: what stands before a slice of it is read and thrown away.
    """
    first = filled = 0
    yield first
    for count in rows:
        if filled and filled + count > most:
            first, filled = first + filled, 0
            yield first
        slices = max(0, (count - 1) // most)
        yield from range(first + most, first + slices * most + 1, most)
        first += slices * most
        filled += count - slices * most
    yield first + filled


def _read_batches(opened: pq.ParquetFile, header: Sequence[str], chunk: Chunk) -> Iterator[pa.RecordBatch]:
    """The chunk's rows, a few at a time."""
    groups, position = _find_groups(opened.metadata, chunk)
    at_once = max(1, min(_BATCH_ROWS, _BATCH_BYTES // _measure_row(opened, header)))
    text_bytes = 0
    for batch in opened.iter_batches(at_once, row_groups=groups, columns=list(header)):
        start = max(0, chunk.first - position)
        wanted = batch.slice(start, max(0, chunk.last - position - start))
        position += batch.num_rows
        if not wanted.num_rows:
            continue
        text_bytes += sum(_measure_text(column) for column in wanted.columns)
        if text_bytes > MOST_TEXT_BYTES:
            raise RefusedObjectError(
                f"rows {chunk.first:,} to {chunk.last:,} hold more than {MOST_TEXT_BYTES:,} bytes of text; "
                "shorten the values or leave out the column"
            )
        columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in wanted.columns]
        yield pa.RecordBatch.from_arrays(columns, names=wanted.schema.names)
        if position >= chunk.last:
            return


def _find_groups(metadata: pq.FileMetaData, chunk: Chunk) -> tuple[list[int], int]:
    """The row groups that hold the chunk's rows, and the number of the first row in them."""
    groups: list[int] = []
    position = begin = 0
    for index in range(metadata.num_row_groups):
        following = position + metadata.row_group(index).num_rows
        if following > chunk.first and position < chunk.last:
            begin = begin if groups else position
            groups.append(index)
        position = following
    return groups, begin


def _measure_text(column: pa.Array) -> int:
    """Bytes of a dictionary's values when every row has its own."""
    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = pc.binary_length(column.dictionary)
    return pc.sum(lengths.take(column.indices).cast(pa.int64())).as_py() or 0
