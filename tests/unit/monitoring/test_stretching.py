"""Intervals follow outcomes: never far off for long, whatever the outcomes do, and hardly moved when nothing does."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.monitoring.stretching import MOST_LOG_STRETCH, follow_outcomes, stretch_intervals
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from noriba.records.reference import Reference
from noriba.records.stretching import Stretching
from noriba.usecase import MonitoringPolicy
from tests.unit.monitoring.hold_outs import hold_out

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR = timedelta(hours=1)
START = datetime(2026, 7, 1, tzinfo=UTC)
FRESH = Stretching(version=3, bundle_digest="b" * 64, through=START - HOUR)
POLICY = MonitoringPolicy()
CLAIMED = 0.8
BEYOND_80 = 1.2816
"""Of a normal distribution: eight in ten are nearer to the middle, in standard deviations."""
LATER = START + timedelta(days=400)


def measure(number: int, outcomes: int, covered: int, *, version: int = 3) -> HourMeasurement:
    tally = AnswerTally(answered=outcomes, with_outcome=outcomes, covered=covered, claimed=CLAIMED * outcomes)
    return HourMeasurement(hour=START + number * HOUR, versions={version: {EVERYTHING: tally}})


def replay(scores: Iterable[np.ndarray], policy: MonitoringPolicy, *, late: int = 0) -> tuple[list[float], list[int]]:
    """Answer hour by hour; the logarithm of the stretch by hour, and how many outcomes each hour's intervals held.

    Args:
        scores: of each outcome of each hour, the logarithm of the stretch that just holds it.
        policy: how to follow them.
        late: after how many hours outcomes are known.
    """
    state, told, covered, hours = FRESH, [], [], []
    for number, hour in enumerate(scores):
        told.append(state.log_stretch)
        covered.append(int((hour <= state.log_stretch).sum()))
        hours.append(measure(number, len(hour), covered[-1]))
        now = START + (number + 1 - late) * HOUR + timedelta(hours=policy.truth_hours)
        state = stretch_intervals(state, hours[-late - 1 :], policy, now=now)
    return [*told, state.log_stretch], covered


GAINS = st.floats(0.01, 0.1)
# Each hour's outcomes are the worst that somebody can think of, as long as some stretch within the bound holds them.
WITHIN = MOST_LOG_STRETCH - 0.1
SCORES = st.lists(st.lists(st.floats(-WITHIN, WITHIN), max_size=60).map(np.array), min_size=1, max_size=120)


@given(SCORES, GAINS)
def test_in_the_long_run_misses_are_what_was_claimed_whatever_the_outcomes_are(
    scores: list[np.ndarray], gain: float
) -> None:
    policy = POLICY.model_copy(update={"stretch_gain": gain})

    told, covered = replay(scores, policy)

    weights = [len(hour) / (len(hour) + policy.stretch_prior) for hour in scores]
    beyond = [(CLAIMED - held / len(hour)) if len(hour) else 0.0 for hour, held in zip(scores, covered, strict=True)]
    owed = sum(weight * one for weight, one in zip(weights, beyond, strict=True))
    assert abs(owed) <= MOST_LOG_STRETCH / gain + 1e-9
    # No step was cut off: where it is so wide that all are held, it only gets narrower, and the other way round.
    assert told[-1] == pytest.approx(gain * owed, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 1)), max_size=200), st.floats(0, 0.5))
def test_the_stretch_stays_within_its_bounds(hours: list[tuple[int, float]], gain: float) -> None:
    measured = [measure(number, n, round(share * n)) for number, (n, share) in enumerate(hours)]

    after = stretch_intervals(FRESH, measured, POLICY.model_copy(update={"stretch_gain": gain}), now=LATER)

    assert 0.5 <= after.stretch.factor <= 2.0


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), min_size=1, max_size=60), st.data())
def test_it_does_not_matter_how_often_or_when_somebody_looks(
    hours: list[tuple[int, float]], data: st.DataObject
) -> None:
    measured = [measure(number, n, round(share * n)) for number, (n, share) in enumerate(hours)]
    looks = sorted(data.draw(st.lists(st.integers(0, 70), max_size=10)))

    state = FRESH
    for look in looks:
        state = stretch_intervals(state, measured, POLICY, now=START + look * HOUR)

    assert stretch_intervals(state, measured, POLICY, now=LATER) == stretch_intervals(
        FRESH, measured, POLICY, now=LATER
    )


def test_an_hour_waits_until_its_outcomes_are_there() -> None:
    hours, ripe = [measure(0, 100, 0)], START + HOUR + timedelta(hours=POLICY.truth_hours)

    assert stretch_intervals(FRESH, hours, POLICY, now=ripe - timedelta(seconds=1)) == FRESH
    after = stretch_intervals(FRESH, hours, POLICY, now=ripe)
    assert after.log_stretch == pytest.approx(POLICY.stretch_gain * 0.8 * 100 / (100 + POLICY.stretch_prior))
    assert after.through == START


def test_what_another_version_answered_says_nothing() -> None:
    after = stretch_intervals(FRESH, [measure(0, 100, 0, version=4)], POLICY, now=LATER)

    assert after == FRESH.model_copy(update={"through": START})


def test_turned_off_nothing_is_stretched_any_more() -> None:
    stretched = FRESH.model_copy(update={"log_stretch": 0.3})
    off = POLICY.model_copy(update={"stretch_gain": 0.0})

    assert stretch_intervals(stretched, [measure(0, 100, 0)], off, now=LATER).log_stretch == 0.0


# --- simulated: scores of outcomes around a median, with a scale that is the model's or is not ------------------------


def draw(days: int, an_hour: int, *, scale: float, uneven: float = 0.0, seed: int) -> np.ndarray:
    """Scores of shape (hours, an_hour); `uneven`: how much scales differ by the hour of the day, and by chance."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    scales = scale * np.exp(uneven * (np.sin(2 * np.pi * hours / 24) + rng.normal(size=len(hours))))
    beyond = np.abs(rng.normal(size=(len(hours), an_hour))) * scales[:, np.newaxis] / BEYOND_80
    found: np.ndarray = np.log(beyond)
    return found


@pytest.mark.parametrize("an_hour", [12, 200, 2_000])
def test_a_month_of_errors_grown_by_a_sixth_is_within_three_points_of_the_claim(an_hour: int) -> None:
    scores = draw(30, an_hour, scale=math.exp(0.15), seed=an_hour)
    assert (scores <= 0).mean() < CLAIMED - 0.05

    told, covered = replay(scores, POLICY, late=POLICY.truth_hours)

    shares = np.array(covered) / an_hour
    assert shares.mean() == pytest.approx(CLAIMED, abs=0.03)
    # So is each week but the first by itself.
    assert shares[168:672].reshape(3, 168).mean(axis=1) == pytest.approx(CLAIMED, abs=0.03)
    assert told[-1] == pytest.approx(0.15, abs=0.08)


@pytest.mark.parametrize("an_hour", [12, 200, 2_000])
def test_where_nothing_has_changed_the_width_wanders_by_a_few_percent(an_hour: int) -> None:
    scores = draw(60, an_hour, scale=1.0, uneven=0.1, seed=an_hour)

    told, covered = replay(scores, POLICY, late=POLICY.truth_hours)

    centred = np.array(told[240:]) - np.mean(told[240:])
    assert centred.std() < 0.035
    assert np.abs(centred).max() < 0.11
    assert sum(covered) / scores.size == pytest.approx(CLAIMED, abs=0.01)


# --- from look to look ------------------------------------------------------------------------------------------------

REFERENCE = Reference(3, hold_out(100.0, stretches=True), None, ())
MISSED_HALF = [measure(number, 40, 20) for number in range(5)]


def test_a_model_that_takes_over_begins_with_its_own_intervals_whatever_was_counted_before() -> None:
    begun = Stretching(version=3, bundle_digest="b", through=LATER)
    another = Stretching(version=2, bundle_digest="a", log_stretch=0.5, through=START)

    for before in (None, another):
        found = follow_outcomes(before, REFERENCE, MISSED_HALF, POLICY, now=LATER + timedelta(minutes=20))
        assert found == begun


def test_the_model_that_stands_is_followed_by_the_hours_since() -> None:
    found = follow_outcomes(FRESH, REFERENCE, MISSED_HALF, POLICY, now=LATER)

    assert found == stretch_intervals(FRESH, MISSED_HALF, POLICY, now=LATER)
    assert found.log_stretch > 0


def test_a_container_that_cannot_stretch_is_followed_by_nothing() -> None:
    reference = Reference(3, hold_out(100.0), None, ())

    found = follow_outcomes(FRESH, reference, MISSED_HALF, POLICY, now=LATER)

    assert (found.log_stretch, found.through) == (0.0, MISSED_HALF[-1].hour)
