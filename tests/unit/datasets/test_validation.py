"""Row by row: every reason against a row is kept, and its remedy with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.sources import Fault, Reading
from noriba.datasets.validation import validate_rows
from noriba.features import as_column
from noriba.usecase import Rule

NEGATIVE = Rule("negative", "is below zero; turn the sign", lambda rows: rows["x"] < 0)
LARGE = Rule("large", "is above ten; leave it out", lambda rows: np.abs(rows["x"]) > 10)


def make_fault(name: str, remedy: str, *rows: bool) -> Fault:
    return Fault(name, remedy, np.array(rows))


def test_a_row_is_kept_when_nothing_speaks_against_it() -> None:
    verdict = validate_rows(Reading({"x": as_column([1, -1, -20])}), [NEGATIVE, LARGE])

    assert verdict.kept.tolist() == [True, False, False]
    assert verdict.counts == {"negative": 2, "large": 1}


def test_all_reasons_against_a_row_are_given_in_the_order_of_the_rules() -> None:
    verdict = validate_rows(Reading({"x": as_column([-20, 1])}), [NEGATIVE, LARGE])

    assert verdict.explain(0) == "negative: is below zero; turn the sign; large: is above ten; leave it out"
    assert verdict.explain(1) == ""


def test_what_a_source_could_not_read_comes_before_what_a_rule_forbids() -> None:
    fault = make_fault("unreadable_x", "x is not a number; correct it", True, False)

    verdict = validate_rows(Reading({"x": as_column([-1, 1])}, [fault]), [NEGATIVE])

    assert list(verdict.broken) == ["unreadable_x", "negative"]
    assert verdict.kept.tolist() == [False, True]


def test_one_fault_found_twice_is_one_reason() -> None:
    faults = [make_fault("lost", "find it", True, False), make_fault("lost", "find it", False, True)]

    verdict = validate_rows(Reading({"x": as_column([1, 1])}, faults), [])

    assert verdict.counts == {"lost": 2}
    assert verdict.explain(1) == "lost: find it"


def test_what_no_row_breaks_is_not_mentioned() -> None:
    verdict = validate_rows(Reading({"x": as_column([1])}, [make_fault("lost", "find it", False)]), [NEGATIVE])

    assert verdict.counts == {}


def test_a_rule_may_meet_unknown_values_without_a_warning() -> None:
    verdict = validate_rows(
        Reading({"x": as_column([np.nan, np.inf])}), [Rule("odd", "", lambda rows: rows["x"] % 1 > 0)]
    )

    assert verdict.kept.all()


def test_columns_of_different_lengths_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="one common length"):
        validate_rows(Reading({"x": as_column([1]), "y": as_column([1, 2])}), [])


@given(st.lists(st.floats(), min_size=1, max_size=30), st.data())
def test_a_row_is_refused_exactly_when_it_has_a_reason(values: list[float], data: st.DataObject) -> None:
    marks = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))

    verdict = validate_rows(
        Reading({"x": as_column(values)}, [make_fault("marked", "unmark it", *marks)]), [NEGATIVE, LARGE]
    )

    for row, value in enumerate(values):
        assert verdict.kept[row] == (not marks[row] and (0 <= value <= 10 or np.isnan(value)))
        assert verdict.kept[row] == (verdict.explain(row) == "")
    assert sum(verdict.counts.values()) >= int((~verdict.kept).sum())
