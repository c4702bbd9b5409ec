"""Hours are measured by one query, and add up to what the rules of accuracy come to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.events import OutcomeObserved
from noriba.monitoring.measurements import ErrorThresholds, read_measurements, state_measurements
from noriba.monitoring.parts import find_quantile
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer
from noriba.records.measurements import EVERYTHING, AnswerTally, add_tallies
from tests.unit.monitoring.accuracy_by_hand import judge
from tests.unit.monitoring.observed import MIDNIGHT, USE_CASE, run, tabulate_answers, tabulate_outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tests.unit.monitoring.observed import Answers, Reports

UNTIL = MIDNIGHT + timedelta(hours=4)
SLICES = ["kind of day", "it's a part"]
THRESHOLDS = ErrorThresholds(bound=50.0, close=5.0)

Measured = dict["datetime", dict[int, dict[str, AnswerTally]]]


def answered(
    prediction_id: str,
    value: float,
    *,
    hours: float = 0.0,
    variant: str = "v3",
    candidate: str | None = None,
    slices: Mapping[str, Sequence[str]] | None = None,
) -> tuple[str, CapturedAnswer]:
    answer = ModelAnswer((value - 10.0,), (value,), (value + 10.0,), claimed_coverage=0.8, bundle_digest="d")
    labels = {name: tuple(some) for name, some in (slices or {}).items()}
    return variant, CapturedAnswer(prediction_id, MIDNIGHT + timedelta(hours=hours), (candidate,), answer, labels)


def observed(
    prediction_id: str, value: float, *, hours: float = 1.0, candidate: str | None = None
) -> tuple[datetime, OutcomeObserved]:
    at = MIDNIGHT + timedelta(hours=hours)
    return at, OutcomeObserved(
        use_case=USE_CASE, prediction_id=prediction_id, candidate_id=candidate, value=value, observed_at=at
    )


def measure(answers: Answers, reports: Reports, *, thresholds: ErrorThresholds = THRESHOLDS) -> Measured:
    statement = state_measurements(USE_CASE, SLICES, thresholds, since=MIDNIGHT, until=UNTIL, now=UNTIL)
    rows = run(statement, tabulate_answers(answers), tabulate_outcomes(reports))
    # As Athena gives them: every value as text.
    texts: list[Any] = [{name: None if value is None else str(value) for name, value in row.items()} for row in rows]
    return read_measurements(texts, SLICES)


def test_an_hour_in_sums() -> None:
    answers = [answered("a", 100.0), answered("b", 200.0), answered("c", 300.0), answered("d", 400.0)]
    found = measure(answers, [observed("a", 97.0), observed("b", 215.0), observed("c", 3000.0)])

    tally = found[MIDNIGHT][3][EVERYTHING]
    assert (tally.answered, tally.with_outcome) == (4, 3)
    assert tally.width == pytest.approx(80.0)
    assert tally.error == pytest.approx(3.0 - 15.0 - 2700.0)
    assert tally.abs_error == pytest.approx(3.0 + 15.0 + 2700.0)
    # One that reports nonsense is told apart.
    assert tally.bounded == pytest.approx(3.0 + 15.0)
    assert tally.lean == 1 - 1
    assert (tally.implausible, tally.plausible, tally.close, tally.covered) == (1, 2, 1, 1)
    assert tally.claimed == pytest.approx(2 * 0.8)
    assert sum(tally.sizes.values()) == 3


def test_what_the_rules_allow_of_no_label_is_told_apart_whatever_was_answered() -> None:
    thresholds = ErrorThresholds(bound=500.0, close=5.0, label_range=(60.0, 1_000.0))
    answers = [answered(name, 64.0) for name in "abcdef"]
    reports = [
        observed(name, value) for name, value in zip("abcde", (59.0, 60.0, 1_000.0, 1_001.0, 500.0), strict=True)
    ]

    tally = measure(answers, reports, thresholds=thresholds)[MIDNIGHT][3][EVERYTHING]

    assert (tally.with_outcome, tally.plausible, tally.implausible, tally.impossible) == (5, 2, 1, 2)
    # One of those that are left is within its interval; so is 59 s.
    assert tally.bounded == pytest.approx(4.0 + 436.0)
    assert (tally.lean, tally.covered) == (0, 1)
    assert tally.claimed == pytest.approx(2 * 0.8)
    # Without a largest label, none is too large.
    endless = ErrorThresholds(bound=500.0, close=5.0)
    assert measure(answers, reports, thresholds=endless)[MIDNIGHT][3][EVERYTHING].impossible == 0


def test_a_request_has_an_outcome_when_any_of_its_candidates_has() -> None:
    answers = [answered(name, 100.0, candidate=car) for name in ("a", "b", "c") for car in ("car 1", "car 2", "car 3")]
    reports = [observed("a", 90.0, candidate="car 3"), observed("b", 90.0), observed("c", 90.0, candidate="car 1")]
    reports.append(observed("c", 95.0, candidate="car 2"))

    tally = measure(answers, reports)[MIDNIGHT][3][EVERYTHING]

    assert (tally.answered, tally.with_outcome) == (9, 3)
    assert (tally.requests, tally.requests_with_outcome) == (3, 2)


def test_hours_versions_and_parts_stand_apart() -> None:
    sunday = {"kind of day": ["weekend"], "it's a part": ["x"]}
    answers = [
        answered("a", 1.0, slices=sunday),
        answered("b", 1.0, hours=0.5, slices={"kind of day": ["weekday"]}),
        answered("b", 1.0, hours=0.5, variant="v4"),
        answered("c", 1.0, hours=1.0),
    ]

    found = measure(answers, [])

    assert found.keys() == {MIDNIGHT, MIDNIGHT + timedelta(hours=1)}
    assert {part: tally.answered for part, tally in found[MIDNIGHT][3].items()} == {
        EVERYTHING: 2,
        "kind of day: weekend": 1,
        "kind of day: weekday": 1,
        "it's a part: x": 1,
        "it's a part: unlabelled": 1,
    }
    assert found[MIDNIGHT][4][EVERYTHING].answered == 1


def test_an_outcome_that_comes_hours_later_counts_in_the_hour_of_its_answer() -> None:
    found = measure([answered("a", 100.0)], [observed("a", 90.0, hours=3.5)])

    assert found[MIDNIGHT][3][EVERYTHING].with_outcome == 1


def test_without_traffic_nothing_is_found() -> None:
    assert measure([], [observed("a", 90.0)]) == {}


ids = st.sampled_from("abcdef")
answers = st.lists(
    st.builds(
        answered,
        ids,
        st.integers(1, 200).map(float),
        hours=st.integers(0, 7).map(lambda number: number / 2),
        variant=st.sampled_from(["v3", "v4"]),
    ),
    max_size=12,
)
reports = st.lists(
    st.builds(observed, ids, st.integers(1, 200).map(float), hours=st.integers(0, 7).map(lambda n: n / 2)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(answers, reports)
def test_hours_add_up_to_the_whole(answers: Answers, reports: Reports) -> None:
    by_hand = {one.model_version: one for one in judge(answers, [event for _, event in reports])[0]}

    # No outcome of these is implausible.
    measured = measure(answers, reports, thresholds=ErrorThresholds(bound=200.0, close=5.0))
    totals = {
        version: add_tallies(hour[version][EVERYTHING] for hour in measured.values() if version in hour)
        for version in by_hand
    }

    for version, expected in by_hand.items():
        total = totals[version]
        assert (total.answered, total.with_outcome) == (expected.answered, expected.with_outcome)
        if total.with_outcome:
            assert total.abs_error / total.with_outcome == pytest.approx(expected.mae)
            assert total.error / total.with_outcome == pytest.approx(expected.bias)
            assert total.covered / total.with_outcome == pytest.approx(expected.coverage)


@given(st.lists(st.floats(0.01, 1e6), min_size=1), st.floats(0.05, 1.0))
def test_a_quantile_is_at_most_an_eighth_of_a_doubling_too_large(errors: list[float], share: float) -> None:
    sizes: dict[int, int] = {}
    for error in errors:
        size = int(np.floor(8 * np.log2(error)))
        sizes[size] = sizes.get(size, 0) + 1

    true = float(np.quantile(errors, share, method="inverted_cdf"))

    found = find_quantile(sizes, share)
    assert found is not None
    assert true * (1 - 1e-9) <= found <= true * 2 ** (1 / 8) * (1 + 1e-9)
