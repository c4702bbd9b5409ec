"""What a hostile file may take: memory and state grow with its size alone, and what would grow faster is refused."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.csv_files import CSV_BYTES_PER_CHUNK, MOST_CSV_MEMORY_PER_BYTE, MOST_LINE_BYTES
from noriba.datasets.parquet_files import (
    MOST_FOOTER_BYTES,
    MOST_GROUP_BYTES,
    MOST_GROUP_VALUES,
    MOST_TEXT_BYTES,
    check_group,
    find_edges,
)
from noriba.datasets.parts import encode_parquet
from noriba.datasets.raw import MOST_CHUNKS, MOST_COLUMNS, MOST_HEADER_BYTES, make_plan
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import ROWS_AT_ONCE, transform_chunk
from noriba.errors import RefusedObjectError
from noriba.records.ingest import Chunk, FilePlan
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from noriba.datasets.raw import RawRows
    from noriba.datasets.transformation import TransformedChunk

USE_CASE = load_use_case("taxi_eta")
HEADER = b"pickup_at,dropoff_at,origin_zone,destination_zone,time_zone\n"
RIDE = b"2026-01-05T12:00:00-05:00,2026-01-05T12:15:00-05:00,74,161,"
MEBIBYTE = 2**20
STATE_BYTES = 262_144  # https://docs.aws.amazon.com/step-functions/latest/dg/limits-overview.html


def plan(content: bytes) -> FilePlan:
    return plan_file(io.BytesIO(content), size=len(content))


def read(content: bytes) -> RawRows:
    planned = plan(content)
    (chunk,) = planned.chunks
    return read_chunk(io.BytesIO(content), planned, chunk)


def transform(content: bytes) -> TransformedChunk:
    source = choose_source(load_sources(USE_CASE), plan(content).header)
    return transform_chunk(read(content), source, USE_CASE, object_key="taxi_eta/trips.csv")


def refuse(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedObjectError) as refused:
        work()
    return str(refused.value)


def write_parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink, **{"row_group_size": 2**30, **options})
    return sink.getvalue()


# What was measured gives its memory back to the pool that it came from, whenever that is.
POOLS: list[pa.MemoryPool] = []


@contextmanager
def measuring() -> Iterator[Callable[[], int]]:
    """`peak()`: the most bytes that Python, NumPy and Arrow have held since, one on top of the other."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    POOLS.append(pool)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] + (pool.max_memory() or 0)
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


# --- memory ----------------------------------------------------------------------------------------------------------

# What validating takes, whatever the chunk's size.
JUDGING_BYTES = ROWS_AT_ONCE * 1_000


@pytest.mark.parametrize(
    "line",
    [
        b"x\n",
        b'"\n',
        b'""\n',
        b"\xff\n",
        b",,,,\n",
        b'"' + b'""' * 30_000 + b'"\n',
        b"1" + b"T" * 60_000 + b",,,,\n",
        RIDE + b"z" * 60_000 + b"\n" + (RIDE + b"\n") * 5_000,
        RIDE + b"\n",
    ],
    ids=["short", "open", "quoted", "no text", "empty", "long quoted", "long times", "one long zone", "honest"],
)
def test_what_a_chunk_takes_grows_with_its_size_and_not_with_what_stands_in_it(line: bytes) -> None:
    content = HEADER + line * (MEBIBYTE // len(line))
    transform(HEADER + RIDE + b"\n")

    with measuring() as peak:
        chunk = transform(content)
        encoded = [encode_parquet(table) for table in (chunk.kept, chunk.quarantine) if table is not None]

        assert peak() < JUDGING_BYTES + MOST_CSV_MEMORY_PER_BYTE * MEBIBYTE
    assert encoded
    assert chunk.rows_read == content.count(b"\n") - 1


def test_a_line_without_end_is_never_held() -> None:
    content = HEADER + RIDE + b"\n" + b"x" * (3 * CSV_BYTES_PER_CHUNK)
    planned = plan(content)
    file = io.BytesIO(content)

    with measuring() as peak:
        rows = [read_chunk(file, planned, chunk).rows_read for chunk in planned.chunks]

        assert peak() < 8 * CSV_BYTES_PER_CHUNK
    assert rows == [2, 0, 0, 0]


def test_twenty_million_rows_in_one_row_group_are_read_a_slice_at_a_time() -> None:
    rows = 20_000_000
    content = write_parquet(pa.table({"a": pa.array(np.zeros(rows, np.int8)), "b": pa.nulls(rows)}))
    planned = plan(content)
    last = planned.chunks[-1]

    with measuring() as peak:
        raw = read_chunk(io.BytesIO(content), planned, last)

        assert peak() < MOST_TEXT_BYTES
    assert raw.rows_read == last.last - last.first
    assert last.last == rows


def test_a_text_that_stands_once_and_counts_a_million_times_is_refused_before_it_is_written_out() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["y" * 100_000]))
    content = write_parquet(pa.table({"a": words}))

    with measuring() as peak:
        reason = refuse(lambda: read(content))

        assert peak() < MOST_TEXT_BYTES
    assert len(content) < 200_000
    assert "rows 0 to 100,000 hold more than 67,108,864 bytes of text; shorten the values or leave out" in reason


def test_long_texts_that_are_all_different_make_smaller_chunks() -> None:
    words = [str(row) * MEBIBYTE for row in range(64)]
    content = write_parquet(pa.table({"a": words}))
    planned = plan(content)

    pieces = [read_chunk(io.BytesIO(content), planned, chunk) for chunk in planned.chunks]

    assert len(pieces) > 2
    assert [value for piece in pieces for value in piece.table["a"].to_pylist()] == words


# --- refused, with the remedy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x" * (MOST_HEADER_BYTES + 1), "the first line is longer than 65,536 bytes; is this CSV"),
        (b"c," * MOST_COLUMNS + b"c\n1\n", "the file has 1,001 columns; leave out some, 1,000 are the most"),
        ("é".encode() * (MOST_HEADER_BYTES // 3) + b"\n1\n", "the columns' names are longer than 65,536 bytes"),
        (b"a\n" + b"\n" * 9 * MEBIBYTE + b"1\n", "the file has a header (columns: 1) but no rows"),
        (write_parquet(pa.table({f"{n:032}": [1] for n in range(15_000)})), "the file has 15,000 columns"),
        (
            b"PAR1" + bytes(MOST_FOOTER_BYTES + 1) + (MOST_FOOTER_BYTES + 1).to_bytes(4, "little") + b"PAR1",
            "the file's footer has 16,777,217 bytes, and 16,777,216 are the most; write fewer row groups",
        ),
        (
            write_parquet(pa.Table.from_arrays([pa.array([1]), pa.array([[2]])], names=["a", "a"])),
            "columns 1, 2 have the same name",
        ),
        (
            write_parquet(pa.table({"a": pa.nulls(1, pa.binary(64 * MEBIBYTE))})),
            "a row has 67,108,864 bytes of fixed length; leave out the widest columns",
        ),
        (write_parquet(pa.table({"a": [[1], [2]]})), "the file has no column with one value a row"),
    ],
)
def test_a_file_that_cannot_be_planned_is_refused(content: bytes, reason: str) -> None:
    assert reason in refuse(lambda: plan(content))


@pytest.mark.parametrize(
    ("rows", "columns", "unpacked_bytes", "reason"),
    [
        (MOST_GROUP_VALUES // 20 + 1, 20, 1, "row group 3 has 25,000,001 rows of 20 columns; write row groups of at"),
        (10, 2, MOST_GROUP_BYTES + 1, "row group 3 has 536,870,913 bytes when unpacked; write row groups of at most"),
        (-1, 2, 10, "not readable as Parquet"),
        (10, 2, -1, "not readable as Parquet"),
    ],
)
def test_a_row_group_too_large_to_be_sliced_is_refused(
    rows: int, columns: int, unpacked_bytes: int, reason: str
) -> None:
    found = refuse(lambda: check_group(3, rows=rows, columns=columns, unpacked_bytes=unpacked_bytes))

    assert found.startswith(reason)


def test_a_file_of_more_chunks_than_a_state_holds_is_refused() -> None:
    edges = range(MOST_CHUNKS + 2)

    assert refuse(lambda: make_plan("csv", ["a"], edges)) == (
        "the file makes 401 chunks, and 400 are the most; land it as several files"
    )


def test_the_longest_plan_leaves_a_state_room_for_the_event_and_a_failure() -> None:
    step = CSV_BYTES_PER_CHUNK
    longest = make_plan("csv", ["x" * (MOST_HEADER_BYTES - 5)], range(step, (MOST_CHUNKS + 2) * step, step))

    # A cause has at most 32 KiB; the key stands twice in the state, and JSON may make six bytes of each of its 1,024.
    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
    assert len(longest.model_dump_json()) + 32_768 + 2 * 6 * 1_024 + 10_000 < STATE_BYTES


def test_nested_columns_are_left_alone() -> None:
    table = pa.table({"a": [1, 2], "list": [[1], [2, 3]], "b": ["x", None], "struct": [{"c": 1}, None]})

    content = write_parquet(table)

    assert plan(content).header == ("a", "b")
    assert read(content).table.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_texts_of_every_type_are_read_as_they_stand() -> None:
    words = ["Mitte", None, "日本", "Mitte"]
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
    table = pa.table({str(kind): pa.array(words).cast(kind) for kind in kinds})

    for options in ({}, {"use_dictionary": False}, {"store_schema": False}):
        raw = read(write_parquet(table, **options))

        assert [column.to_pylist() for column in raw.table.columns] == [words] * len(kinds)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12).filter(any), st.integers(1, 25))
def test_chunks_join_without_gap_and_cut_no_row_group_that_fits_one(rows: list[int], most: int) -> None:
    edges = list(find_edges(rows, most))

    borders = set(itertools.accumulate(rows, initial=0))
    assert (edges[0], edges[-1]) == (0, sum(rows))
    assert all(0 < last - first <= most for first, last in itertools.pairwise(edges))
    for start, count in zip(itertools.accumulate(rows, initial=0), rows, strict=False):
        assert count > most or not [edge for edge in edges if start < edge < start + count and edge not in borders]


# --- long lines ------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=5),
    st.sampled_from([b"x", b'"', b",", "é".encode(), b"\xff", b"1,2\r", b"\r"]),
    st.integers(0, 4 * MOST_LINE_BYTES),
)
def test_a_line_that_is_too_long_is_one_broken_row_wherever_the_file_is_cut(
    before: list[int], stuff: bytes, cut: int
) -> None:
    long = stuff * (MOST_LINE_BYTES // len(stuff) + 1)
    lines = [long if kind == 0 else b"1,2" for kind in [*before, 0]]
    content = b"a,b\n" + b"\n".join(lines)
    edges = sorted({4, min(max(cut, 5), len(content) - 1), len(content)})
    planned = FilePlan(format="csv", header=("a", "b"), chunks=())

    pieces = [
        read_chunk(io.BytesIO(content), planned, Chunk(index=index, first=first, last=last))
        for index, (first, last) in enumerate(itertools.pairwise(edges))
    ]

    broken = [line for piece in pieces for line in piece.broken.to_pylist()]
    assert sum(piece.table.num_rows for piece in pieces) == lines.count(b"1,2")
    assert len(broken) == lines.count(long)
    for line in broken:
        assert line["problem"].startswith("longer than 65,536 bytes; has it lost its line ends?")
        assert long.decode(errors="replace").replace("\r", " ").startswith(line["text"])
        assert len(line["text"]) == 1_000


def test_the_longest_line_that_may_be_is_a_row() -> None:
    line = b"1," + b"x" * (MOST_LINE_BYTES - 2)

    raw = read(b"a,b\n" + line + b"\n" + line + b"x\n1,2")

    assert list(raw.row_numbers) == [0, 2]
    assert raw.broken["row"].to_pylist() == [1]
