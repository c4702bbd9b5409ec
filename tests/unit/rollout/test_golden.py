"""Golden requests: differences from training are found, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noriba.records.artifacts import GoldenRecord
from noriba.records.inference import ModelAnswer
from noriba.records.plausibility import RELATIVE_TOLERANCE
from noriba.rollout.golden import find_differences


def answer(low: list[float], value: list[float], high: list[float]) -> ModelAnswer:
    return ModelAnswer(tuple(low), tuple(value), tuple(high), claimed_coverage=0.8, bundle_digest="b" * 64)


LOW, VALUE, HIGH = [90.0, 180.0, 270.0], [100.0, 200.0, 300.0], [110.0, 220.0, 330.0]
RECORD = GoldenRecord(
    inputs={"metres": [1.0, None, 3.0]},
    answers={"low": LOW, "value": VALUE, "high": HIGH},
)


def test_the_answers_of_training_are_no_difference() -> None:
    assert list(find_differences(answer(LOW, VALUE, HIGH), RECORD)) == []


@given(st.floats(-0.99, 0.99), st.integers(0, 2))
def test_the_last_bits_may_differ(share: float, row: int) -> None:
    served = list(VALUE)
    served[row] *= 1.0 + share * RELATIVE_TOLERANCE

    assert list(find_differences(answer(LOW, served, HIGH), RECORD)) == []


@given(st.floats(1.01, 1e6) | st.floats(-1e5, -1.01), st.integers(0, 2))
def test_the_sixth_digit_may_not(times: float, row: int) -> None:
    served = list(VALUE)
    served[row] *= 1.0 + times * RELATIVE_TOLERANCE

    (difference,) = find_differences(answer(LOW, served, HIGH), RECORD)

    assert difference.startswith(f"value of recorded row {row}: ")


def test_a_difference_says_what_was_served_and_what_was_expected() -> None:
    served = answer([90.0, 180.0, 271.5], VALUE, [110.0, 220.0, 400.0])

    assert list(find_differences(served, RECORD)) == [
        "low of recorded row 2: 271.5 served, 270 in training",
        "high of recorded row 2: 400 served, 330 in training",
    ]


@pytest.mark.parametrize("served", [math.nan, math.inf, -math.inf])
def test_an_answer_that_is_no_number_is_a_difference(served: float) -> None:
    assert list(find_differences(answer(LOW, [100.0, served, 300.0], HIGH), RECORD)) == [
        f"value of recorded row 1: {served:.6g} served, 200 in training"
    ]


def test_a_missing_answer_is_a_difference() -> None:
    assert list(find_differences(answer(LOW, VALUE[:2], HIGH), RECORD)) == ["value: 2 answers for 3 recorded rows"]


# --- the record ------------------------------------------------------------------------------------------------------


def test_a_record_s_null_is_an_unknown_value() -> None:
    np.testing.assert_array_equal(RECORD.columns()["metres"], [1.0, np.nan, 3.0])


def test_a_model_that_gave_no_number_in_training_has_no_record() -> None:
    with pytest.raises(ValidationError, match=r"answers\.value\.0"):
        GoldenRecord.model_validate_json('{"inputs": {"metres": [1.0]}, "answers": {"value": [null]}}')
