"""A chunk, transformed: what was read is what was kept and what was quarantined, row for row."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.parts import encode_parquet
from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import BROKEN_LINE, IN_THE_FUTURE, TransformedChunk, transform_chunk
from noriba.errors import RefusedObjectError
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Sequence

USE_CASE = load_use_case("taxi_eta")
HEADER = ("pickup_at", "dropoff_at", "origin_zone", "destination_zone", "note")
GOOD = ("2023-05-01T12:00:00-04:00", "2023-05-01T12:15:00-04:00", "74", "161", "")
BACKWARDS = (GOOD[1], GOOD[0], "74", "161", "clock")
NOWHERE = (GOOD[0], GOOD[1], "264", "x", "lost")


def transform(content: bytes, *, latest_s: float = np.inf) -> tuple[TransformedChunk, RawRows]:
    plan = plan_file(io.BytesIO(content), size=len(content))
    source = choose_source(load_sources(USE_CASE), plan.header)
    raw = read_chunk(io.BytesIO(content), plan, plan.chunks[0])
    return transform_chunk(raw, source, USE_CASE, object_key="taxi_eta/trips.csv", latest_s=latest_s), raw


def write_csv(rows: Sequence[Sequence[str]]) -> bytes:
    return "\n".join(",".join(row) for row in [HEADER, *rows]).encode()


def list_quarantined(chunk: TransformedChunk) -> list[dict[str, Any]]:
    return [] if chunk.quarantine is None else chunk.quarantine.to_pylist()


def test_good_rows_are_kept_with_inputs_label_and_features() -> None:
    chunk, _ = transform(write_csv([GOOD, GOOD]))

    assert chunk.kept is not None
    assert set(chunk.kept.column_names) == {*USE_CASE.features.inputs, *USE_CASE.features.names, USE_CASE.data.label}
    assert chunk.kept["duration_s"].to_pylist() == [900.0, 900.0]
    assert chunk.quarantine is None
    assert chunk.reasons == {}


def test_bad_rows_wait_as_they_came_with_their_place_and_every_reason() -> None:
    chunk, _ = transform(write_csv([GOOD, BACKWARDS, GOOD, NOWHERE]))

    assert (chunk.rows_read, chunk.rows_kept, chunk.rows_quarantined) == (4, 2, 2)
    backwards, nowhere = list_quarantined(chunk)
    assert (backwards["_row"], nowhere["_row"]) == (1, 3)
    assert tuple(backwards[name] for name in HEADER) == BACKWARDS
    assert tuple(nowhere[name] for name in HEADER) == NOWHERE
    assert backwards["_reasons"].startswith("ends_before_it_begins: drop-off does not follow pickup")
    assert [reason.split(":")[0] for reason in nowhere["_reasons"].split("; ") if "_" in reason.split(":")[0]] == [
        "unreadable_destination_zone",
        "no_origin",
        "no_destination",
    ]
    assert chunk.reasons == {
        "ends_before_it_begins": 1,
        "unreadable_destination_zone": 1,
        "no_origin": 1,
        "no_destination": 1,
    }


def test_a_row_that_is_later_than_its_landing_waits_for_a_correction() -> None:
    """It would stand last in every training: what is last is what models are judged by."""
    future = ("2098-05-01T12:00:00-04:00", "2098-05-01T12:15:00-04:00", "74", "161", "typing error")
    begins_s = datetime.fromisoformat(GOOD[0]).timestamp()

    chunk, _ = transform(write_csv([GOOD, future]), latest_s=begins_s)
    early, _ = transform(write_csv([GOOD, future]), latest_s=begins_s - 1.0)

    assert (chunk.rows_kept, chunk.reasons) == (1, {IN_THE_FUTURE: 1})
    [row] = list_quarantined(chunk)
    assert row["_reasons"].startswith("in_the_future: pickup_at_s is later than the time when the row landed; correct")
    assert (early.rows_kept, early.reasons) == (0, {IN_THE_FUTURE: 2})


def test_lines_that_fit_no_table_wait_with_their_text_between_the_other_rows() -> None:
    chunk, _ = transform(write_csv([BACKWARDS, ("lonely",), GOOD, NOWHERE]))

    quarantined = list_quarantined(chunk)
    assert [row["_row"] for row in quarantined] == [0, 1, 3]
    assert [row["_text"] for row in quarantined] == [None, "lonely", None]
    assert quarantined[1]["_reasons"].startswith("broken_line: 1 fields instead of 5")
    assert chunk.reasons[BROKEN_LINE] == 1


def test_a_chunk_of_nothing_but_broken_lines_keeps_nothing_and_loses_nothing() -> None:
    chunk, _ = transform(write_csv([("lonely",), ("so", "lonely")]))

    assert (chunk.rows_read, chunk.rows_kept, chunk.rows_quarantined) == (2, 0, 2)
    assert chunk.kept is None
    assert chunk.reasons == {BROKEN_LINE: 2}


def test_a_chunk_without_rows_is_a_chunk_without_rows() -> None:
    empty = RawRows(pa.table({name: pa.array([], pa.string()) for name in HEADER}), ())  # type: ignore[arg-type]
    source = choose_source(load_sources(USE_CASE), HEADER)

    chunk = transform_chunk(empty, source, USE_CASE, object_key="taxi_eta/trips.csv")

    assert (chunk.rows_read, chunk.rows_kept, chunk.rows_quarantined) == (0, 0, 0)
    assert chunk.kept is None
    assert chunk.quarantine is None


def test_quarantined_rows_may_be_repaired_and_landed_again_as_they_are() -> None:
    """The data engineer corrects one of two rows in the quarantine's own file, and leaves the explanations in it."""
    first, _ = transform(write_csv([BACKWARDS, ("lonely",), NOWHERE]))
    assert first.quarantine is not None
    rows = first.quarantine.to_pylist()
    rows[0] |= {"pickup_at": GOOD[0], "dropoff_at": GOOD[1]}
    repaired = encode_parquet(pa.Table.from_pylist(rows, schema=first.quarantine.schema))

    second, _ = transform(repaired)

    assert (second.rows_read, second.rows_kept, second.rows_quarantined) == (3, 1, 2)
    assert [row["_row"] for row in list_quarantined(second)] == [1, 2]


CELL = st.sampled_from([*GOOD, *BACKWARDS, *NOWHERE, "junk", "now", "9999-12-31T00:00:00Z", "-1", '"a,b"', '"'])
ROW = st.just(GOOD) | st.lists(CELL, min_size=1, max_size=6).map(tuple)


@given(st.lists(ROW, min_size=1, max_size=12))
def test_every_row_read_is_kept_or_quarantined_and_never_both(rows: list[tuple[str, ...]]) -> None:
    content = write_csv(rows)
    if not content.partition(b"\n")[2].strip():
        return

    chunk, raw = transform(content)

    quarantined = list_quarantined(chunk)
    assert chunk.rows_read == raw.rows_read == chunk.rows_kept + chunk.rows_quarantined
    places = [row["_row"] for row in quarantined]
    assert places == sorted(set(places))
    assert all(row["_reasons"] for row in quarantined)
    assert max(chunk.reasons.values(), default=0) <= len(quarantined) <= sum(chunk.reasons.values())
    originals = dict(zip(raw.row_numbers, raw.table.to_pylist(), strict=True))
    for row in quarantined:
        if row["_row"] in originals:
            assert {name: row[name] for name in HEADER} == originals[row["_row"]]
        else:
            assert row["_text"] in content.decode().split("\n")


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([b",", b'"', b"\n", b"\r", b"7", b"\xff", b"\0"])).map(b"".join)
)
def test_whatever_follows_the_header_every_line_is_accounted_for(rows: bytes) -> None:
    content = ",".join(HEADER).encode() + b"\n" + rows
    lines = [line for line in rows.splitlines() if line]
    try:
        chunk, _ = transform(content)
    except RefusedObjectError:
        assert b"\0" in rows or not rows.strip()
        return

    assert chunk.rows_read == chunk.rows_kept + chunk.rows_quarantined == len(lines)


def test_features_of_a_chunk_are_those_of_its_rows_alone() -> None:
    rows = [
        (f"2023-05-{day:02d}T12:00:00-04:00", f"2023-05-{day:02d}T12:20:00-04:00", "74", "161", "")
        for day in range(1, 30)
    ]

    together, _ = transform(write_csv(rows))
    alone = [transform(write_csv([row]))[0] for row in rows]

    assert together.kept is not None
    for name in together.kept.column_names:
        one_by_one = [chunk.kept[name].to_numpy() for chunk in alone if chunk.kept is not None]
        assert together.kept[name].to_numpy().tobytes() == np.concatenate(one_by_one).tobytes()


@pytest.mark.parametrize("pieces", [2, 3, 7])
def test_a_file_transformed_in_pieces_has_the_counts_of_the_whole(pieces: int) -> None:
    content = write_csv([GOOD, BACKWARDS, ("lonely",), NOWHERE] * 10)
    plan = plan_file(io.BytesIO(content), size=len(content))
    source = choose_source(load_sources(USE_CASE), plan.header)
    whole, _ = transform(content)
    edges = np.linspace(plan.chunks[0].first, len(content), pieces + 1).astype(int).tolist()

    chunks = [
        transform_chunk(
            read_chunk(
                io.BytesIO(content),
                plan,
                plan.chunks[0].model_copy(update={"index": index, "first": edges[index], "last": edges[index + 1]}),
            ),
            source,
            USE_CASE,
            object_key="taxi_eta/trips.csv",
        )
        for index in range(pieces)
    ]

    for count in ("rows_read", "rows_kept", "rows_quarantined"):
        assert sum(getattr(chunk, count) for chunk in chunks) == getattr(whole, count)
    for reason, rows in whole.reasons.items():
        assert sum(chunk.reasons.get(reason, 0) for chunk in chunks) == rows
