"""What no answer may be is found, whatever was asked, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.records.explanations import Explanation
from noriba.records.inference import ModelAnswer
from noriba.records.plausibility import find_answer_fault

EXPLAINED_WRONGLY = "an explanation does not add up to its answer"
DURATIONS = st.floats(1.0, 1e5)


def answer(low: list[float], value: list[float], high: list[float]) -> ModelAnswer:
    return ModelAnswer(tuple(low), tuple(value), tuple(high), claimed_coverage=0.8, bundle_digest="b" * 64)


@given(st.lists(st.tuples(DURATIONS, DURATIONS, DURATIONS).map(sorted), min_size=1, max_size=50))
def test_ordered_positive_numbers_make_sense(rows: list[list[float]]) -> None:
    low, value, high = (list(column) for column in zip(*rows, strict=True))

    assert find_answer_fault(answer(low, value, high), rows=len(rows)) is None


@pytest.mark.parametrize(
    ("low", "value", "high", "fault"),
    [
        ([90.0], [100.0], [math.nan], "an answer is not a finite number"),
        ([90.0], [math.inf], [math.inf], "an answer is not a finite number"),
        ([-math.inf], [100.0], [110.0], "an answer is not a finite number"),
        ([101.0], [100.0], [110.0], "a median lies outside its interval"),
        ([90.0, 90.0], [100.0, 111.0], [110.0, 110.0], "a median lies outside its interval"),
        ([0.0], [100.0], [110.0], "an answer is not positive"),
        ([-5.0], [100.0], [110.0], "an answer is not positive"),
    ],
)
def test_an_implausible_answer_is_told(low: list[float], value: list[float], high: list[float], fault: str) -> None:
    assert find_answer_fault(answer(low, value, high), rows=len(value)) == fault


@pytest.mark.parametrize(
    ("low", "value", "high", "came_back"),
    [([], [], [], 0), ([90.0], [100.0], [110.0], 1), ([90.0], [100.0, 100.0], [110.0, 110.0], 2)],
)
def test_every_row_wants_an_answer(low: list[float], value: list[float], high: list[float], came_back: int) -> None:
    fault = find_answer_fault(answer(low, value, high), rows=2)

    assert fault == f"2 rows were sent, {came_back} answers came back"


def test_what_is_said_besides_is_of_each_row_and_of_its_own_answer() -> None:
    two = answer([90.0, 90.0], [100.0, 200.0], [110.0, 210.0])
    own = tuple(Explanation(base=value - 30.0, contributions=(), rest=30.0) for value in two.value)

    assert find_answer_fault(replace(two, explanations=own), rows=2) is None
    assert find_answer_fault(replace(two, explanations=own[::-1]), rows=2) == EXPLAINED_WRONGLY
    nothing = (Explanation(base=math.nan, contributions=(), rest=0.0),) * 2
    assert find_answer_fault(replace(two, explanations=nothing), rows=2) == EXPLAINED_WRONGLY
    assert find_answer_fault(replace(two, explanations=own[:1]), rows=2) == "1 explanations came back for 2 rows"
    assert find_answer_fault(replace(two, doubts=((),)), rows=2) == "1 doubts came back for 2 rows"
