"""What the predict function and the model container say to each other."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.records.explanations import Contribution, Doubt, Explanation
from noriba.records.inference import (
    ModelAnswer,
    decode_answer,
    decode_invocation,
    encode_answer,
    encode_columns,
    read_inputs,
)
from noriba.records.stretching import Stretch
from noriba.records.wanted import NOTHING_MORE, Wanted
from noriba.usecase import HumilityPolicy

# Every float64 there is: subnormal, infinite, minus nought; and NaN, whose payload means nothing.
NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
NAMES = st.from_regex(r"[a-z]{1,8}@[0-9a-f]{12}", fullmatch=True)
TABLES = st.integers(1, 8).flatmap(
    lambda rows: st.dictionaries(NAMES, st.lists(NUMBERS, min_size=rows, max_size=rows), min_size=1, max_size=5)
)


def bits(column: np.ndarray) -> list[int]:
    known = np.where(np.isnan(column), np.nan, column)
    return [int(number) for number in known.view(np.uint64)]


@given(TABLES)
def test_columns_arrive_bit_for_bit(table: dict[str, list[float]]) -> None:
    columns = {name: np.array(values) for name, values in table.items()}

    arrived = decode_invocation(encode_columns(columns)).columns

    assert list(arrived) == list(columns)
    for name, column in columns.items():
        assert arrived[name].dtype == np.float64
        assert bits(arrived[name]) == bits(column)


@given(TABLES, st.data())
def test_inputs_arrive_bit_for_bit_however_short_they_are_written(
    table: dict[str, list[float]], data: st.DataObject
) -> None:
    columns = {name: np.array(values) for name, values in table.items()}
    rows = len(next(iter(columns.values())))
    # Features as they stand, one value for all rows, and anything else.
    kinds = st.one_of(
        st.sampled_from(list(table.values())),
        NUMBERS.map(lambda value: [value] * rows),
        st.lists(NUMBERS, min_size=rows, max_size=rows),
    )
    drawn = data.draw(st.dictionaries(st.sampled_from(["a", "b", "c"]), kinds))
    inputs = {name: np.array(values) for name, values in drawn.items()}

    body = encode_columns(columns, inputs=inputs)

    arrived = read_inputs(json.loads(body), rows)
    assert list(arrived) == list(inputs)
    for name, values in inputs.items():
        assert bits(np.array(arrived[name], dtype=np.float64)) == bits(values)
    assert decode_invocation(body).columns.keys() == columns.keys()


def test_what_stands_there_already_is_not_written_again() -> None:
    columns = {"far@1": np.array([1.5, 2.5]), "rain@2": np.array([0.0, -0.0])}
    inputs = {"far": columns["far@1"], "at": np.array([7.0, 7.0]), "rain": np.array([math.nan] * 2)}
    inputs["zero"] = np.array([-0.0, 0.0])

    body = encode_columns(columns, inputs=inputs)

    assert json.loads(body)["inputs"] == {"far": "far@1", "at": 7.0, "rain": None, "zero": [-0.0, 0.0]}
    assert "inputs" not in json.loads(encode_columns(columns))
    assert read_inputs(json.loads(encode_columns(columns)), 2) == {}


def test_names_of_candidates_travel_beside_the_columns_and_are_not_read_by_a_model() -> None:
    columns = {"a@1": np.array([1.0, 2.0])}
    body = encode_columns(columns, candidate_ids=["near", None])

    assert json.loads(body)["candidate_ids"] == ["near", None]
    assert list(decode_invocation(body).columns) == ["a@1"]
    assert encode_columns(columns, candidate_ids=[None, None]) == encode_columns(columns)


def test_an_unknown_value_travels_as_null_and_the_body_is_strict_json() -> None:
    body = encode_columns({"rain@0123456789ab": np.array([1.5, math.nan])})

    assert body == b'{"columns": {"rain@0123456789ab": [1.5, null]}}'


def test_whole_numbers_are_numbers_too_however_long() -> None:
    columns = decode_invocation(b'{"columns": {"a": [1, -0, 9007199254740993, 1' + b"0" * 400 + b"]}}").columns

    assert columns["a"].tolist() == [1.0, 0.0, 9007199254740992.0, math.inf]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a=1",
        b"\xff\xfe",
        b'{"columns": {"a": [1',
        b"[]",
        b"null",
        b"{}",
        b'{"columns": {}}',
        b'{"columns": [[1]]}',
        b'{"columns": {"a": 1}}',
        b'{"columns": {"a": null}}',
        b'{"columns": {"a": "12"}}',
        b'{"columns": {"a": ["12"]}}',
        b'{"columns": {"a": [true]}}',
        b'{"columns": {"a": [[1], [2]]}}',
        b'{"columns": {"a": [[1], 2]}}',
        b'{"columns": {"a": [{"b": 1}]}}',
        b'{"columns": {"a": {"0": 1}}}',
        b'{"columns": {"a": []}}',
        b'{"columns": {"a": [1], "b": [1, 2]}}',
    ],
)
def test_a_body_that_is_no_table_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        decode_invocation(body)


def test_a_refusal_names_the_column() -> None:
    with pytest.raises(ValueError, match="column b@1 must be a list of numbers or null"):
        decode_invocation(b'{"columns": {"a@1": [1], "b@1": ["2"]}}')
    with pytest.raises(ValueError, match="a: 1, b: 2"):
        decode_invocation(b'{"columns": {"a": [1], "b": [1, 2]}}')


@given(st.lists(st.tuples(*[st.floats(allow_nan=False)] * 3), min_size=1), st.floats(0.0, 1.0))
def test_an_answer_arrives_as_it_was_given(rows: list[tuple[float, float, float]], claimed_coverage: float) -> None:
    low, value, high = zip(*rows, strict=True)
    answer = ModelAnswer(low, value, high, claimed_coverage, bundle_digest="b" * 64)

    assert decode_answer(encode_answer(answer)) == answer


def test_an_answer_is_plain_json() -> None:
    answer = ModelAnswer((90.0,), (100.0,), (110.0,), claimed_coverage=0.8, bundle_digest="b" * 64)

    assert json.loads(encode_answer(answer)) == {
        "low": [90.0],
        "value": [100.0],
        "high": [110.0],
        "claimed_coverage": 0.8,
        "bundle_digest": "b" * 64,
    }


# --- what is asked and said besides -----------------------------------------------------------------------------------

COLUMNS = {"a@1": np.array([1.0])}
PLAIN = ModelAnswer((90.0,), (100.0,), (110.0,), claimed_coverage=0.8, bundle_digest="b" * 64)
SAID = ModelAnswer(
    *((90.0,), (100.0,), (110.0,)),
    claimed_coverage=0.8,
    bundle_digest="b" * 64,
    explanations=(
        Explanation(base=80.0, contributions=(Contribution(column="a", value=None, amount=15.0),), rest=5.0),
    ),
    doubts=((Doubt(kind="above", column="a", value=9.0, bound=7.5), Doubt(kind="wide", value=0.2, bound=0.1)),),
)


@pytest.mark.parametrize(
    "wanted",
    [
        NOTHING_MORE,
        Wanted(explain=True),
        Wanted(explain=True, contributions=12),
        Wanted(humility=HumilityPolicy(beyond_range=0.25, max_relative_width=2.0)),
        Wanted(explain=True, humility=HumilityPolicy()),
        Wanted(stretch=Stretch(factor=1.0000000000000002, bundle_digest="b" * 64)),
    ],
)
def test_what_else_is_wanted_arrives(wanted: Wanted) -> None:
    assert decode_invocation(encode_columns(COLUMNS, wanted=wanted)).wanted == wanted


def test_who_wants_nothing_more_sends_what_was_always_sent() -> None:
    assert encode_columns(COLUMNS, wanted=NOTHING_MORE) == b'{"columns": {"a@1": [1.0]}}'


@pytest.mark.parametrize(
    "wish",
    [
        '"explain": "false"',
        '"explain": null',
        '"humility": {"wider_than": 7}',
        '"humility": 1',
        '"contributions": true',
        '"contributions": 0',
        '"contributions": 1e999',
        '"contributions": "all"',
        '"stretch": 1.1',
        '"stretch": {"factor": 0, "bundle_digest": ""}',
    ],
)
def test_a_wish_that_nobody_understands_is_refused(wish: str) -> None:
    with pytest.raises(
        ValueError, match=r"explain must be|contributions must be|humility must be|HumilityPolicy|Stretch"
    ):
        decode_invocation(f'{{"columns": {{"a@1": [1]}}, {wish}}}'.encode())


def test_a_policy_of_tomorrow_is_followed_as_far_as_it_is_known() -> None:
    body = b'{"columns": {"a@1": [1]}, "humility": {"wider_than": 0.5, "pride": 1}}'

    assert decode_invocation(body).wanted == Wanted(humility=HumilityPolicy(wider_than=0.5))


def test_what_a_model_says_besides_arrives() -> None:
    assert decode_answer(encode_answer(SAID)) == SAID


def test_an_answer_of_before_there_was_more_to_say_is_read() -> None:
    assert decode_answer(encode_answer(PLAIN)).explanations == ()
    assert json.loads(encode_answer(PLAIN)).keys() == json.loads(encode_answer(SAID)).keys() - {
        "explanations",
        "doubts",
    }


@pytest.mark.parametrize(
    "extra", [{"explanations": 1}, {"explanations": [{"base": 1}]}, {"doubts": [{"kind": "wide"}]}, {"reasons": []}]
)
def test_what_is_no_explanation_is_no_answer(extra: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"validation error|not an object"):
        decode_answer(json.dumps({**json.loads(encode_answer(PLAIN)), **extra}).encode())
