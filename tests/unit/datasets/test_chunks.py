"""A file read in pieces is the file read whole, wherever it is cut; what cannot be read is refused with the reason."""

from __future__ import annotations

import codecs
import gzip
import io
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.csv_files import CSV_BYTES_PER_CHUNK
from noriba.datasets.parquet_files import PARQUET_ROWS_PER_CHUNK
from noriba.errors import RefusedObjectError
from noriba.records.ingest import Chunk, FilePlan

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[int, "dict[str, str | None] | str"]


def read_in_pieces(content: bytes, cuts: Sequence[int] = ()) -> list[Row]:
    """All rows of a CSV file cut at those bytes: its place in the file, and its values or the text of a broken line."""
    plan = plan_file(io.BytesIO(content), size=len(content))
    first, last = plan.chunks[0].first, plan.chunks[-1].last
    edges = [first, *sorted(cut for cut in set(cuts) if first < cut < last), last]
    rows: list[Row] = []
    for index, (begin, end) in enumerate(pairwise(edges)):
        raw = read_chunk(io.BytesIO(content), plan, Chunk(index=index, first=begin, last=end))
        whole = zip(raw.row_numbers, raw.table.to_pylist(), strict=True)
        pieces = sorted(
            [*whole, *((line["row"], line["text"]) for line in raw.broken.to_pylist())], key=lambda row: row[0]
        )
        assert [number for number, _ in pieces] == list(range(raw.rows_read))
        rows += [(len(rows) + number, values) for number, values in pieces]
    return rows


def read_or_refuse(content: bytes) -> None:
    """Nothing else may happen, and no other error be raised."""
    with suppress(RefusedObjectError):
        plan = plan_file(io.BytesIO(content), size=len(content))
        for chunk in plan.chunks:
            read_chunk(io.BytesIO(content), plan, chunk)


def refuse(content: bytes) -> str:
    with pytest.raises(RefusedObjectError) as refused:
        plan_file(io.BytesIO(content), size=len(content))
    return str(refused.value)


# --- CSV: wherever it is cut -----------------------------------------------------------------------------------------

PLAIN = st.text(st.sampled_from("ab7.- é日🚕\t"), max_size=6)
QUOTED = st.text(st.sampled_from('a,"é '), max_size=6).map(lambda text: '"' + text.replace('"', '""') + '"')
STRAY = st.sampled_from(['5" nail', '"open', 'x"', '"a"b', '""', '"', '"""'])
FIELD = PLAIN | QUOTED | STRAY
LINE = st.lists(FIELD, min_size=1, max_size=4).map(",".join)
END = st.sampled_from(["\n", "\r\n", "\n\n", "\r\n\r\n"])


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.tuples(LINE, END), min_size=1, max_size=12))
    text = "".join(line + end for line, end in lines)
    text = text if draw(st.booleans()) else text.rstrip("\r\n")
    return b"a,b,c\n" + text.encode()


@given(csv_files(), st.lists(st.integers(0, 200), max_size=8))
def test_a_csv_file_cut_anywhere_has_the_rows_of_the_whole(content: bytes, cuts: list[int]) -> None:
    body = content.partition(b"\n")[2]
    if not body.strip():
        assert "but no rows" in refuse(content)
        return

    whole = read_in_pieces(content)

    assert read_in_pieces(content, cuts) == whole
    assert len(whole) == sum(1 for line in body.splitlines() if line)


@given(st.lists(st.tuples(PLAIN | QUOTED, PLAIN | QUOTED, PLAIN | QUOTED), min_size=1, max_size=8), st.data())
def test_whole_rows_keep_their_values(rows: list[tuple[str, str, str]], data: st.DataObject) -> None:
    content = b"a,b,c\r\n" + "".join(",".join(row) + "\r\n" for row in rows).encode()
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=8))

    found = [values for _, values in read_in_pieces(content, cuts)]

    def unquote(field: str) -> str | None:
        return (field[1:-1].replace('""', '"') if field.startswith('"') else field) or None

    assert found == [dict(zip("abc", map(unquote, row), strict=True)) for row in rows]


def test_every_byte_is_a_place_where_a_file_may_be_cut() -> None:
    content = 'a,b\r\n1,"x, ""y"""\r\n\r\nlonely\r\n日本,🚕\r\n3,4,5\r\n6,7'.encode()
    whole = read_in_pieces(content)

    assert whole == [
        (0, {"a": "1", "b": 'x, "y"'}),
        (1, "lonely"),
        (2, {"a": "日本", "b": "🚕"}),
        (3, "3,4,5"),
        (4, {"a": "6", "b": "7"}),
    ]
    for cut in range(len(content)):
        assert read_in_pieces(content, [cut]) == whole
    assert read_in_pieces(content, range(len(content))) == whole


def test_a_broken_line_says_what_is_wrong_with_it() -> None:
    content = b'a,b\n1,2,3\n1\n1,"x\ny"\n1,\xe9t\xe9\n'
    plan = plan_file(io.BytesIO(content), size=len(content))

    raw = read_chunk(io.BytesIO(content), plan, plan.chunks[0])

    assert {line["text"]: line["problem"] for line in raw.broken.to_pylist()} == {
        "1,2,3": "3 fields instead of 2; a comma in a value needs quotes",
        "1": "1 fields instead of 2; a comma in a value needs quotes",
        '1,"x': "a quote is not closed on its line; a value can hold no line break",
        'y"': "1 fields instead of 2; a comma in a value needs quotes",
        "1,\ufffdt\ufffd": "not UTF-8 text; save the file as UTF-8",
    }
    assert raw.table.num_rows == 0


def test_an_open_quote_does_not_swallow_the_rows_that_follow() -> None:
    content = b'a,b\n1,"open\n' + b"3,4\n" * 10 + b'5,closed"\n'

    rows = read_in_pieces(content)

    assert len(rows) == 12
    assert [values for _, values in rows[1:11]] == [{"a": "3", "b": "4"}] * 10


def test_rows_are_numbered_through_the_blocks_in_which_they_are_parsed() -> None:
    """The CSV reader works in blocks of a mebibyte; this file has several."""
    rows = 150_000
    content = b"a,b\n" + b"".join(b"short\n" if row % 50_000 == 7 else b"number,%d\n" % row for row in range(rows))

    found = read_in_pieces(content)

    assert len(found) == rows
    assert [number for number, values in found if values == "short"] == [7, 50_007, 100_007]
    assert found[-1] == (rows - 1, {"a": "number", "b": str(rows - 1)})


def test_a_large_csv_file_is_planned_in_pieces_that_join_without_gap() -> None:
    class Endless:
        """A file of one line after the other, that is never held in memory."""

        position = 0

        def seek(self, offset: int, whence: int = 0, /) -> int:
            assert whence == 0
            self.position = offset
            return offset

        def read(self, size: int = -1, /) -> bytes:
            return (b"a,b\n" * (size // 4 + 1))[:size]

    plan = plan_file(Endless(), size=10 * CSV_BYTES_PER_CHUNK)

    assert len(plan.chunks) == 10
    assert [chunk.first for chunk in plan.chunks[1:]] == [chunk.last for chunk in plan.chunks[:-1]]
    assert [chunk.index for chunk in plan.chunks] == list(range(10))
    assert (plan.chunks[0].first, plan.chunks[-1].last) == (4, 10 * CSV_BYTES_PER_CHUNK)


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert read_in_pieces(b"\xef\xbb\xbfa,b\r\n1,2\r\n") == [(0, {"a": "1", "b": "2"})]


def test_an_empty_field_is_unknown_with_or_without_quotes() -> None:
    assert read_in_pieces(b'a,b\n,""\n') == [(0, {"a": None, "b": None})]


# --- Parquet ---------------------------------------------------------------------------------------------------------


def write_parquet(table: pa.Table, *, rows_per_group: int = 1024) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink, row_group_size=rows_per_group)
    return sink.getvalue()


@given(st.integers(1, 60), st.integers(1, 20), st.sets(st.integers(0, 60), max_size=6))
def test_parquet_cut_anywhere_has_the_rows_of_the_whole(rows: int, per_group: int, cuts: set[int]) -> None:
    content = write_parquet(pa.table({"a": list(range(rows)), "b": [None] * rows}), rows_per_group=per_group)
    plan = plan_file(io.BytesIO(content), size=len(content))
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < rows), rows]

    pieces = [
        read_chunk(io.BytesIO(content), plan, Chunk(index=index, first=first, last=last))
        for index, (first, last) in enumerate(pairwise(edges))
    ]

    assert [value for piece in pieces for value in piece.table["a"].to_pylist()] == list(range(rows))
    assert [list(piece.row_numbers) for piece in pieces] == [list(range(piece.rows_read)) for piece in pieces]
    assert plan.header == ("a", "b")


@pytest.mark.parametrize(
    ("rows_per_group", "edges"),
    [(0.4, [0, 0.8, 1.6, 2.5]), (0.6, [0, 0.6, 1.2, 1.8, 2.5]), (2.5, [0, 1, 2, 2.5])],
)
def test_small_row_groups_are_read_together_and_large_ones_in_slices(rows_per_group: float, edges: list[float]) -> None:
    most = PARQUET_ROWS_PER_CHUNK
    table = pa.table({"a": pa.nulls(most * 5 // 2)})
    content = write_parquet(table, rows_per_group=round(most * rows_per_group))

    plan = plan_file(io.BytesIO(content), size=len(content))

    assert [(chunk.first, chunk.last) for chunk in plan.chunks] == [
        (round(most * first), round(most * last)) for first, last in pairwise(edges)
    ]


# --- refused as a whole ----------------------------------------------------------------------------------------------

PARQUET = write_parquet(pa.table({"a": list(range(5000)), "b": [f"text {row}" for row in range(5000)]}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"a,b\n", "the file has a header (columns: 2) but no rows"),
        (b"a,b", "the file has a header (columns: 2) but no rows"),
        (b"a,b\n\n \r\n\n", "the file has a header (columns: 2) but no rows"),
        (b"a,b,a\n1,2,3\n", "columns 1, 3 have the same name; rename them, or write a header"),
        (b"\n1,2\n", "not readable as CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "neither Parquet nor CSV: the file begins with binary data"),
        ("a,b\n1,2\n".encode("utf-16"), "neither Parquet nor CSV: it is UTF-16 text; save the file as UTF-8"),
        (codecs.BOM_UTF16_BE + "a,b\n".encode("utf-16-be"), "it is UTF-16 text; save the file as UTF-8"),
        (gzip.compress(b"a,b\n1,2\n"), "it is compressed by gzip; unpack it"),
        (b'[{"a": 1, "b": 2}]', "JSON is not read; save the rows as CSV or Parquet"),
        (b'\n{"a": 1}\n{"a": 2}\n', "JSON is not read; save the rows as CSV or Parquet"),
        ("a,gr\u00fc\u00df\n1,2\n".encode("latin-1"), "the first line is not UTF-8 text; save the file as UTF-8"),
        (b"PAR1", "not readable as Parquet"),
        (PARQUET[:-20], "not readable as Parquet"),
        (PARQUET[:-8] + b"\xff\xff\xff\x7fPAR1", "not readable as Parquet"),
        (PARQUET[:-60] + bytes(52) + PARQUET[-8:], "not readable as Parquet"),
        (write_parquet(pa.table({"a": pa.array([], pa.int64())})), "the file has columns but no rows"),
        (
            write_parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])),
            "columns 1, 2 have the same name",
        ),
    ],
)
def test_a_file_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    assert reason in refuse(content)


def test_a_damaged_page_is_found_when_its_rows_are_read() -> None:
    damaged = PARQUET[:200] + bytes(4000) + PARQUET[4200:]
    plan = plan_file(io.BytesIO(damaged), size=len(damaged))

    with pytest.raises(RefusedObjectError, match="not readable as Parquet"):
        read_chunk(io.BytesIO(damaged), plan, plan.chunks[0])


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_either_read_or_refused(content: bytes) -> None:
    read_or_refuse(content)


@given(st.integers(4, len(PARQUET) - 1), st.binary(min_size=1, max_size=8))
def test_parquet_damaged_anywhere_is_either_read_or_refused(place: int, damage: bytes) -> None:
    read_or_refuse((PARQUET[:place] + damage + PARQUET[place + len(damage) :])[: len(PARQUET)])


def test_a_chunk_needs_no_other_chunks_of_the_plan() -> None:
    """A state machine hands every function its own chunk, and the plan without any."""
    plan = plan_file(io.BytesIO(PARQUET), size=len(PARQUET))
    alone = FilePlan(format=plan.format, header=plan.header, chunks=())

    assert read_chunk(io.BytesIO(PARQUET), alone, plan.chunks[0]).rows_read == 5000
