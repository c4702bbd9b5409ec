"""Captures beside what came of them: whose answer it was, and the last word about each."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.events import MetricsObserved, OutcomeObserved
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer
from noriba.rollout.exposures import Exposures
from noriba.usecase import BusinessMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
METRICS = (
    BusinessMetric("cancelled", "the passenger cancelled", better="less"),
    BusinessMetric("waited_s", "how long the passenger waited", better="less", value_range=(0.0, 3600.0)),
)


def expose() -> Exposures:
    return Exposures(percent=50, metrics=METRICS, now=BEGAN + timedelta(hours=1))


def answered(prediction: str, *values: float, group: int | None = 7, names: Sequence[str] = ()) -> CapturedAnswer:
    answer = ModelAnswer(values, values, values, 0.8, "abc")
    return CapturedAnswer(prediction, BEGAN, tuple(names) or (None,) * len(values), answer, group=group)


def happened(prediction: str, value: float, *, minutes: int = 0, name: str | None = None) -> OutcomeObserved:
    at = BEGAN + timedelta(minutes=minutes)
    return OutcomeObserved(
        use_case="taxi_eta", prediction_id=prediction, candidate_id=name, value=value, observed_at=at
    )


def measured(prediction: str, minutes: int = 0, **metrics: float) -> MetricsObserved:
    at = BEGAN + timedelta(minutes=minutes)
    return MetricsObserved(use_case="taxi_eta", prediction_id=prediction, metrics=metrics, observed_at=at)


def test_errors_and_metrics_know_whose_they_are() -> None:
    seen = expose()
    seen.add(answered("a", 100.0, group=3), by_challenger=True)
    seen.add(answered("b", 200.0, group=900), by_challenger=False)
    seen.observe([happened("a", 90.0), happened("b", 230.0), measured("b", cancelled=1.0)])

    errors, cancelled = seen.measure("error"), seen.measure("cancelled")

    assert (errors.values.tolist(), errors.groups.tolist(), errors.challenger.tolist()) == (
        [10.0, 30.0],
        [3, 900],
        [True, False],
    )
    assert (cancelled.values.tolist(), cancelled.challenger.tolist()) == ([1.0], [False])
    assert seen.measure("dispatched").values.tolist() == []


def test_what_a_metric_cannot_be_is_left_out_whoever_put_it_on_the_bus() -> None:
    seen = expose()
    seen.add(answered("a", 100.0), by_challenger=True)
    seen.observe([happened("a", 90.0), measured("a", cancelled=1.0, waited_s=3600.0)])
    for name, value in [("cancelled", 9e8), ("cancelled", -5.0), ("cancelled", 0.5), ("cancelled", math.nan)]:
        seen.observe([measured("a", minutes=1, **{name: value})])
    for value in (-1.0, 3600.5, math.inf):
        seen.observe([measured("a", minutes=1, waited_s=value)])
    # Nor is what every experiment compares by a metric of anybody's.
    seen.observe([measured("a", minutes=1, error=1.0, dispatched=1.0)])

    assert seen.measure("cancelled").values.tolist() == [1.0]
    assert seen.measure("waited_s").values.tolist() == [3600.0]
    assert seen.measure("error").values.tolist() == [10.0]
    assert seen.measure("dispatched").values.tolist() == []


@given(st.permutations([happened("a", 90.0, minutes=1), happened("a", 80.0, minutes=2), happened("a", 95.0)] * 2))
def test_the_last_word_counts_however_often_and_in_whatever_order_it_is_told(events: list[OutcomeObserved]) -> None:
    seen = expose()
    seen.add(answered("a", 100.0), by_challenger=True)
    seen.observe(events)

    assert seen.measure("error").values.tolist() == [20.0]


def test_an_answer_that_was_captured_twice_counts_once() -> None:
    seen = expose()
    for _ in range(2):
        seen.add(answered("a", 100.0), by_challenger=True)
    seen.observe([happened("a", 90.0)])

    assert len(seen.measure("error").values) == 1
    assert seen.check_split().share.n == 1


def test_time_is_when_the_server_was_asked_and_not_what_an_app_says() -> None:
    """Or whoever holds a key makes a day of a minute, and bounds of one block."""
    seen = expose()
    for number in range(3):
        asked = replace(answered(f"p{number}", 100.0), at=BEGAN - timedelta(minutes=number))
        seen.add(asked, by_challenger=True)
        seen.observe([happened(f"p{number}", 90.0 + number, minutes=-24 * 60 * (3 - number))])

    errors = seen.measure("error")
    assert errors.times_s.tolist() == [BEGAN.timestamp() - 60 * number for number in (2, 1, 0)]
    assert errors.values.tolist() == [8.0, 9.0, 10.0]


@pytest.mark.parametrize("said", [(), (math.nan,), (100.0, 100.0)])
def test_who_was_answered_by_the_champion_in_the_end_met_the_champion(said: tuple[float, ...]) -> None:
    seen = expose()
    no_prediction = ModelAnswer(said, said, said, 0.8, "abc")
    seen.add(answered("a", 120.0, group=3), by_challenger=False)
    seen.add(replace(answered("a", 0.0, group=3), answer=no_prediction), by_challenger=True)
    seen.observe([happened("a", 90.0)])

    errors = seen.measure("error")
    # It is the challenger's fault all the same; that the champion answered shows in the split.
    assert (errors.values.tolist(), errors.challenger.tolist()) == ([30.0], [True])
    assert seen.check_split().share.estimate == 0.0


def test_each_candidate_has_an_outcome_of_its_own() -> None:
    seen = expose()
    seen.add(answered("a", 100.0, 200.0, names=("near", "far")), by_challenger=True)
    seen.observe([happened("a", 150.0, name="far"), happened("a", 150.0)])

    assert seen.measure("error").values.tolist() == [50.0]


def test_what_nobody_in_the_experiment_was_answered_does_not_count() -> None:
    seen = expose()
    seen.add(answered("a", 100.0, group=None), by_challenger=True)
    seen.observe([happened("a", 90.0), happened("elsewhere", 90.0)])

    assert seen.measure("error").values.tolist() == []


def test_requests_without_a_subject_are_counted_from_when_subjects_were_dealt_with() -> None:
    """Before that, a rollout was only on its way."""
    seen = expose()
    for prediction, minutes, group in (("a", 0, None), ("b", 2, 7), ("c", 3, None), ("d", 1, None)):
        seen.add(
            replace(answered(prediction, 1.0, group=group), at=BEGAN + timedelta(minutes=minutes)), by_challenger=True
        )

    assert seen.without_subject == 1


@pytest.mark.parametrize("group", [-1, 1_000, 2**31])
def test_a_group_that_somebody_made_up_is_none(group: int) -> None:
    seen = expose()
    seen.add(answered("a", 100.0, group=group), by_challenger=True)
    seen.observe([happened("a", 90.0)])

    assert seen.measure("error").values.tolist() == []


@pytest.mark.parametrize("event", [happened("a", 1e160), happened("a", math.inf), happened("a", 5.0, minutes=120)])
def test_what_cannot_have_been_observed_is_left_out(event: OutcomeObserved) -> None:
    """The API refuses it; somebody may have put it on the bus."""
    seen = expose()
    seen.add(answered("a", 100.0), by_challenger=True)
    seen.observe([event, happened("a", 90.0)])

    assert seen.measure("error").values.tolist() == [10.0]
