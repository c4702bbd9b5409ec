"""Answers beside outcomes, whatever order these come in and however often."""

from __future__ import annotations

import random  # noqa: TC003  # Hypothesis reads the annotation
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.events import OutcomeObserved
from noriba.monitoring.accuracy import Accuracy, count_unknown, gather_outcomes, measure_accuracy
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def answered(prediction_id: str, *values: float, names: tuple[str | None, ...] | None = None) -> CapturedAnswer:
    """Medians, each in an interval of ten to either side."""
    low, high = (tuple(value + shift for value in values) for shift in (-10.0, 10.0))
    answer = ModelAnswer(low, values, high, claimed_coverage=0.8, bundle_digest="d")
    return CapturedAnswer(prediction_id, NOW, names or (None,) * len(values), answer)


def observed(
    prediction_id: str, value: float, *, candidate: str | None = None, minutes: float = 0.0
) -> OutcomeObserved:
    return OutcomeObserved(
        use_case="taxi_eta",
        prediction_id=prediction_id,
        candidate_id=candidate,
        value=value,
        observed_at=NOW + timedelta(minutes=minutes),
    )


def test_errors_are_those_of_answers_whose_outcome_is_known() -> None:
    answers = [answered("a", 100.0), answered("b", 200.0), answered("c", 300.0)]
    outcomes = gather_outcomes([observed("a", 95.0), observed("b", 215.0)])

    found = measure_accuracy(answers, outcomes)

    assert (found.answered, found.with_outcome) == (3, 2)
    assert found.mae == pytest.approx((5.0 + 15.0) / 2)
    assert found.bias == pytest.approx((5.0 - 15.0) / 2)
    assert found.coverage == 0.5
    assert found.claimed_coverage == pytest.approx(0.8)


def test_an_outcome_of_one_of_several_candidates_is_that_candidate_s() -> None:
    answers = [answered("a", 100.0, 200.0, names=("near", "far"))]

    found = measure_accuracy(answers, gather_outcomes([observed("a", 201.0, candidate="far")]))

    assert (found.answered, found.with_outcome, found.mae) == (2, 1, 1.0)


def test_without_an_outcome_nothing_is_said_of_errors() -> None:
    assert measure_accuracy([answered("a", 1.0)], gather_outcomes([])) == Accuracy(1, 0, None, None, None, None)
    assert measure_accuracy([], gather_outcomes([observed("a", 1.0)])).answered == 0


def test_what_is_said_twice_counts_once_and_of_a_contradiction_the_last_word() -> None:
    outcomes = gather_outcomes(
        [observed("a", 90.0, minutes=2), observed("a", 90.0, minutes=2), observed("a", 80.0, minutes=1)]
    )

    assert outcomes.values == {("a", None): 90.0}
    assert (outcomes.repeated, outcomes.contradicted) == (1, 1)
    # The same answer, captured twice: the same.
    assert measure_accuracy([answered("a", 100.0)] * 2, outcomes).answered == 1


def test_outcomes_of_nobody_s_predictions_are_counted() -> None:
    outcomes = gather_outcomes([observed("a", 1.0), observed("b", 1.0), observed("a", 1.0, candidate="car")])

    assert count_unknown(outcomes, [answered("a", 1.0)]) == 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([None, "x"]), st.floats(1, 9), st.integers(0, 3)),
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_and_the_number_of_deliveries_change_nothing(
    said: list[tuple[str, str | None, float, int]], shuffler: random.Random
) -> None:
    events = [observed(who, value, candidate=which, minutes=when) for who, which, value, when in said]
    again = [*events, *events]
    shuffler.shuffle(again)

    first, second = gather_outcomes(events), gather_outcomes(again)

    assert first.values == second.values
    assert first.contradicted == second.contradicted
    assert second.repeated == first.repeated + len(events)
