"""The packed form says what the JSON form says, and whatever is not whole is refused."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.features import as_column
from noriba.records.explanations import Doubt
from noriba.records.inference import ModelAnswer, decode_answer, decode_invocation, encode_answer, encode_columns
from noriba.records.packed import (
    is_packed,
    pack_answer,
    pack_columns,
    read_answer,
    read_invocation,
    to_document,
    unpack_table,
)
from noriba.records.stretching import Stretch
from noriba.records.wanted import Wanted
from noriba.usecase import HumilityPolicy

WANTED = Wanted(True, HumilityPolicy(beyond_range=0.25), Stretch(factor=1.5, bundle_digest="d"), 7)
ANSWER = ModelAnswer((1.0, 2.0), (1.5, 2.5), (2.0, 1e300), 0.8, "digest")
if TYPE_CHECKING:
    from noriba.features import Column

BODY = pack_columns(
    {"a@1": as_column([1.0, math.nan]), "b@2": as_column([3.0, 4.0])},
    inputs={"same": as_column([5.0, 5.0]), "own": as_column([6.0, 7.0]), "equal": as_column([3.0, 4.0])},
    candidate_ids=["near", None],
    slices={"part": ["day", "night"]},
    group=3,
    wanted=WANTED,
)
_HEAD = struct.Struct("<8sIIII")

numbers = st.floats() | st.sampled_from([0.0, -0.0, math.nan, math.inf])
names = st.text(min_size=1, max_size=8)


@st.composite
def invocations(draw: st.DrawFn) -> dict[str, object]:
    rows = draw(st.integers(1, 4))
    column = st.lists(numbers, min_size=rows, max_size=rows).map(as_column)
    columns = draw(st.dictionaries(names, column, min_size=1, max_size=4))
    inputs = draw(st.dictionaries(names, column | st.sampled_from(list(columns.values())), max_size=4))
    ids = draw(st.lists(st.none() | names, min_size=rows, max_size=rows))
    return {
        "columns": columns,
        "inputs": inputs,
        "candidate_ids": ids,
        "slices": draw(st.dictionaries(names, st.lists(names, min_size=rows, max_size=rows), max_size=2)),
        "group": draw(st.none() | st.integers(0, 999)),
        "wanted": draw(st.sampled_from([Wanted(), WANTED])),
    }


@given(asked=invocations())
@settings(deadline=None)
def test_both_forms_say_the_same(asked: dict[str, object]) -> None:
    columns = asked.pop("columns")
    packed, written = pack_columns(columns, **asked), encode_columns(columns, **asked)  # type: ignore[arg-type]  # as drawn
    arrived, expected = read_invocation(packed), decode_invocation(written)

    assert is_packed(packed)
    assert not is_packed(written)
    assert arrived.wanted == expected.wanted
    assert arrived.columns.keys() == expected.columns.keys()
    for name, column in expected.columns.items():
        # Bit for bit: minus nought is not nought. How a NaN says that it is none, nobody asks.
        assert spell(arrived.columns[name]) == spell(column)
    said, meant = to_document(packed), json.loads(written)
    said_inputs, meant_inputs = said.pop("inputs", {}), meant.pop("inputs", {})
    rows = len(next(iter(columns.values())))  # type: ignore[attr-defined]  # as drawn
    assert said == meant
    for name, given_values in meant_inputs.items():
        assert spread(said_inputs[name], said["columns"], rows) == spread(given_values, meant["columns"], rows)


def spell(column: Column) -> bytes:
    return np.where(np.isnan(column), 7.0, column).tobytes()


def spread(said: object, columns: dict[str, list[float | None]], rows: int) -> list[float | None]:
    if isinstance(said, str):
        return columns[said]
    return said if isinstance(said, list) else [said] * rows  # type: ignore[list-item]  # a number, or None


def test_an_input_is_written_in_the_shortest_way_that_reads_back() -> None:
    layout = unpack_table(BODY).layout

    assert (layout.input_columns, layout.input_constants, layout.input_equals) == (
        ("own",),
        ("same",),
        (("equal", "b@2"),),
    )
    assert to_document(BODY)["inputs"] == {"same": 5.0, "own": [6.0, 7.0], "equal": "b@2"}


def test_a_single_row_has_the_same_layout_whatever_its_numbers() -> None:
    def pack(number: float) -> bytes:
        return pack_columns({"a@1": as_column([1.0])}, inputs={"a": as_column([number])}, candidate_ids=["x"])

    one, other = unpack_table(pack(1.0)), unpack_table(pack(2.0))
    assert one.layout is other.layout


@pytest.mark.parametrize("length", range(len(BODY)))
def test_a_body_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_invocation(BODY[:length])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BODY + b"\0", "bytes of numbers"),
        (BODY.replace(b"NORIBA\x01", b"NORIBA\x02"), "no table of this version"),
        (_HEAD.pack(b"NORIBA\x01\n", 0, 0, 0, 0), "at least one row"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 0, 0, 1), "truncated"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 2**32 - 1, 2**32 - 1, 0), "truncated"),
        (_HEAD.pack(b"NORIBA\x01\n", 2**32 - 1, 17, 0, 0) + b'{"columns":["a"]}', "4294967295 numbers are announced"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 4, 0, 0) + b"null", "must be an object"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 2, 0, 0) + b"{}", "no columns"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 2, 0, 0) + b"\xff\xff", "decode"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 21, 0, 0) + b'{"columns":["a","a"]}' + bytes(16), "each once"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 15, 0, 0) + b'{"columns":"a"}' + bytes(8), "list of names"),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 33, 0, 0) + b'{"columns":["a"],"explain":"yes"}' + bytes(8), "true or false"),
        (
            _HEAD.pack(b"NORIBA\x01\n", 1, 43, 0, 0) + b'{"columns":["a"],"input_equals":{"b":"no"}}' + bytes(8),
            "name columns",
        ),
        (
            _HEAD.pack(b"NORIBA\x01\n", 1, 44, 0, 0) + b'{"columns":["a"],"input_equals":{"b":["no"]}}'[:44] + bytes(8),
            r".",
        ),
        (_HEAD.pack(b"NORIBA\x01\n", 1, 9000, 0, 0) + b"[" * 9000, "too deeply"),
    ],
)
def test_a_body_that_is_no_table_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_invocation(body)


@given(at=st.integers(0, len(BODY) - 1), byte=st.integers(0, 255))
def test_a_body_with_a_wrong_byte_is_refused_or_a_table(at: int, byte: int) -> None:
    body = BODY[:at] + bytes([byte]) + BODY[at + 1 :]
    try:
        asked = read_invocation(body)
    except ValueError:
        return
    assert {len(column) for column in asked.columns.values()} == {2}


@pytest.mark.parametrize("extras", [{}, {"doubts": ((Doubt(kind="wide", column=""),), ())}])
def test_an_answer_reads_back_in_either_form(extras: dict[str, tuple[tuple[Doubt, ...], ...]]) -> None:
    answer = ModelAnswer(**{**vars(ANSWER), **extras})

    assert (
        read_answer(pack_answer(answer)) == decode_answer(encode_answer(answer)) == read_answer(encode_answer(answer))
    )


@pytest.mark.parametrize("length", range(len(pack_answer(ANSWER))))
def test_an_answer_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_answer(pack_answer(ANSWER)[:length])


def test_an_answer_with_anything_else_beside_it_is_refused() -> None:
    promise = b'{"claimed_coverage": 0.8, "bundle_digest": "d"}'
    head = _HEAD.pack(b"NORIBA\x01\n", 1, len(promise), 10, 0)
    with pytest.raises(ValueError, match="explanations, doubts"):
        read_answer(head + promise + b'{"news":1}' + bytes(24))
    with pytest.raises(ValueError, match="claimed_coverage"):
        read_answer(_HEAD.pack(b"NORIBA\x01\n", 1, 2, 0, 0) + b"[]" + bytes(24))
