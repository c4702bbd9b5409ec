"""Answers and outcomes are paired whatever order they come in, and each pair is counted once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.events import CLOCK_SKEW, OutcomeObserved
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer
from noriba.rollout.confidence import BLOCK_S
from noriba.rollout.pairing import DIFFERENCE, MOST_LOOKS, WAIT_S, Look, Tally
from noriba.rollout.waiting import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Callable

BEGAN = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW_S = BEGAN.timestamp() + 3600


def answer(
    prediction: str, *values: float, part: str = "day", candidates: tuple[str | None, ...] = ()
) -> CapturedAnswer:
    model = ModelAnswer(tuple(v - 9 for v in values), values, tuple(v + 9 for v in values), 0.8, "digest")
    named = candidates or (None,) * len(values)
    return CapturedAnswer(prediction, BEGAN, named, model, {"part of day": (part,) * len(values)})


def happened(prediction: str, value: float, *, minutes: float = 0, candidate: str | None = None) -> OutcomeObserved:
    return OutcomeObserved(
        use_case="taxi_eta",
        prediction_id=prediction,
        candidate_id=candidate,
        value=value,
        observed_at=BEGAN + timedelta(minutes=minutes),
    )


def make_tally(*, paired: bool = True) -> Tally:
    return Tally(since=BEGAN, paired=paired)


def test_both_models_errors_on_one_request_are_a_pair() -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_answers("challenger", [answer("p", 97.0)])
    assert (tally.blocks(DIFFERENCE).n, len(tally.waiting)) == (0, 1)

    tally.add_outcomes([happened("p", 100.0)], now_s=NOW_S)

    assert tally.blocks(DIFFERENCE).totals.tolist() == [3.0 - 10.0]
    assert tally.blocks("champion").totals.tolist() == [10.0]
    assert tally.blocks(f"{DIFFERENCE}|part of day: day").squares.tolist() == [49.0]
    assert tally.list_slices() == ["part of day: day"]
    assert tally.waiting == {}


@given(seed=st.integers(0, 10_000), requests=st.integers(1, 12))
def test_the_order_in_which_they_come_makes_no_difference(seed: int, requests: int) -> None:
    rng = np.random.default_rng(seed)
    expected, shuffled = make_tally(), make_tally()
    steps: list[Callable[[Tally], None]] = []
    for number in range(requests):
        name, truth = f"p{number}", 50.0 + number
        champion, challenger = answer(name, truth + number), answer(name, truth - 2.0)
        outcome = happened(name, truth, minutes=20 * number)
        steps += [
            lambda tally, one=champion: tally.add_answers("champion", [one]),  # type: ignore[misc]
            lambda tally, one=challenger: tally.add_answers("challenger", [one]),  # type: ignore[misc]
            lambda tally, one=outcome: tally.add_outcomes([one], now_s=NOW_S),  # type: ignore[misc]
        ]
    for step in steps:
        step(expected)
    rng.shuffle(steps)
    for step in steps:
        step(shuffled)

    assert shuffled.sums == expected.sums
    assert shuffled.blocks(DIFFERENCE).n == requests


def test_a_count_that_was_kept_goes_on_as_if_it_had_not_been() -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0), answer("q", 70.0)])
    tally.add_outcomes([happened("p", 100.0)], now_s=NOW_S)
    again = Tally.model_validate_json(tally.model_dump_json())
    for one in (tally, again):
        one.add_answers("challenger", [answer("p", 97.0)])

    assert again == tally
    assert again.blocks(DIFFERENCE).starts_s.tolist() == [BEGAN.timestamp() // BLOCK_S * BLOCK_S]


def test_an_outcome_that_comes_again_is_counted_once() -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_answers("challenger", [answer("p", 97.0)])
    tally.add_outcomes([happened("p", 100.0), happened("p", 100.0)], now_s=NOW_S)
    tally.add_outcomes([happened("p", 100.0)], now_s=NOW_S)

    assert tally.blocks(DIFFERENCE).n == 1


def test_of_two_words_about_one_ride_the_later_one_counts() -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_answers("challenger", [answer("p", 100.0)])
    tally.add_outcomes([happened("p", 120.0, minutes=9), happened("p", 90.0, minutes=1)], now_s=NOW_S)

    assert tally.blocks("champion").totals.tolist() == [10.0]


def test_of_several_candidates_the_one_that_drove_is_paired() -> None:
    tally = make_tally()
    for side, values in (("champion", (60.0, 80.0)), ("challenger", (65.0, 90.0))):
        tally.add_answers(side, [answer("p", *values, candidates=("car 1", "car 2"))])  # type: ignore[arg-type]
    tally.add_outcomes([happened("p", 85.0, candidate="car 2")], now_s=NOW_S)

    assert tally.blocks(DIFFERENCE).totals.tolist() == [0.0]
    assert tally.waiting == {}


def test_a_request_counts_once_however_many_of_its_candidates_are_reported() -> None:
    tally = make_tally()
    names = tuple(f"car {number}" for number in range(500))
    told = [happened("p", 100.0, candidate=name) for name in names]
    tally.add_outcomes(told[:250], now_s=NOW_S)
    for side in ("champion", "challenger"):
        tally.add_answers(side, [answer("p", *(110.0 + row for row in range(500)), candidates=names)])
    tally.add_outcomes(told, now_s=NOW_S)

    assert tally.blocks(DIFFERENCE).n == 1
    assert tally.blocks("champion").totals.tolist() == [10.0]


@pytest.mark.parametrize("first", ["outcome", "answer"])
def test_what_happened_to_no_candidate_of_the_request_is_odd_and_does_not_stand_in_the_way(first: str) -> None:
    tally = make_tally()
    steps = {
        "answer": lambda: tally.add_answers("champion", [answer("p", 110.0, 90.0, candidates=("car 1", "car 2"))]),
        "outcome": lambda: tally.add_outcomes([happened("p", 1.0, candidate="car 3")], now_s=NOW_S),
    }
    for name in sorted(steps, key=lambda one: one != first):
        steps[name]()
    tally.add_answers("challenger", [answer("p", 100.0, 80.0, candidates=("car 1", "car 2"))])
    tally.add_outcomes([happened("p", 85.0, candidate="car 2")], now_s=NOW_S)

    assert tally.odd == 1
    assert tally.blocks(DIFFERENCE).totals.tolist() == [0.0]


def test_which_of_several_nameless_candidates_drove_nobody_knows() -> None:
    tally = make_tally(paired=False)
    tally.add_answers("champion", [answer("p", 110.0, 90.0)])
    tally.add_outcomes([happened("p", 100.0)], now_s=NOW_S)

    assert (tally.odd, tally.blocks("champion").n) == (1, 0)


def test_time_is_when_the_server_was_asked_and_not_what_an_app_says() -> None:
    tally = make_tally(paired=False)
    tally.add_answers("champion", [answer(f"p{number}", 110.0) for number in range(20)])
    tally.add_outcomes([happened(f"p{n}", 100.0, minutes=24 * 60 * n) for n in range(20)], now_s=NOW_S)

    assert tally.blocks("champion").starts_s.tolist() == [BEGAN.timestamp()]
    assert tally.find_span_s("champion") == BLOCK_S


@pytest.mark.parametrize(("early", "odd"), [(CLOCK_SKEW, 0), (CLOCK_SKEW + timedelta(seconds=1), 1)])
def test_what_was_observed_before_it_was_asked_is_odd(early: timedelta, odd: int) -> None:
    tally = make_tally()
    for side in ("champion", "challenger"):
        tally.add_answers(side, [answer("p", 110.0)])
    tally.add_outcomes([happened("p", 100.0, minutes=-early.total_seconds() / 60)], now_s=NOW_S)

    assert (tally.odd, tally.blocks(DIFFERENCE).n) == (odd, 1 - odd)
    # Whoever has mended a clock may say it again.
    tally.add_outcomes([happened("p", 100.0)], now_s=NOW_S)
    assert tally.blocks(DIFFERENCE).n == 1


@pytest.mark.parametrize("paired", [True, False])
def test_an_outcome_out_of_all_reason_weighs_no_more_than_twenty_answers(paired: bool) -> None:
    tally = make_tally(paired=paired)
    tally.add_answers("champion", [answer("p", 100.0)])
    if paired:
        tally.add_answers("challenger", [answer("p", 130.0)])
    tally.add_outcomes([happened("p", 9e8)], now_s=NOW_S)

    largest = 130.0 if paired else 100.0
    assert tally.blocks("champion").totals.tolist() == [largest * (1 + FARTHEST) - 100.0]
    assert tally.far == 1
    # Errors differ by what the models disagree by, as they do whatever the outcome is.
    assert tally.blocks(DIFFERENCE).totals.tolist() == ([-30.0] if paired else [])


def test_who_answers_in_minutes_where_seconds_are_meant_is_as_far_off_as_that() -> None:
    tally = make_tally(paired=False)
    tally.add_answers("champion", [answer("p", 700.0)])
    tally.add_answers("challenger", [answer("q", 700.0 / 60)])
    tally.add_outcomes([happened("q", 720.0)], now_s=NOW_S)

    assert tally.far == 0
    assert tally.blocks("challenger").totals.tolist() == pytest.approx([720.0 - 700.0 / 60])


def test_an_answer_beyond_all_numbers_breaks_no_sum() -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_answers("challenger", [answer("p", 1e300)])
    tally.add_outcomes([happened("p", 100.0)], now_s=NOW_S)

    assert np.isfinite(tally.blocks(DIFFERENCE).squares).all()
    assert Tally.model_validate_json(tally.model_dump_json()) == tally


def test_a_count_of_the_version_before_goes_on_without_what_waited() -> None:
    kept = {
        "since": BEGAN.isoformat(),
        "paired": True,
        "waiting": {"p car 1": {"since_s": 1.0, "champion": 110.0, "challenger": None, "slices": ["part of day: day"]}},
        "sums": {"champion": {"900.0": [1.0, 10.0, 100.0]}},
        "given_up": 2,
        "read": ["a"],
    }
    tally = Tally.model_validate_json(json.dumps(kept))

    assert (tally.waiting, tally.given_up, tally.read) == ({}, 3, ["a"])
    assert tally.blocks("champion").n == 1
    # It is of this version from now on.
    tally.add_answers("champion", [answer("p", 110.0)])
    assert Tally.model_validate_json(tally.model_dump_json()) == tally


def test_in_the_canary_each_group_has_its_own_errors() -> None:
    tally = make_tally(paired=False)
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_answers("challenger", [answer("q", 97.0, part="night")])
    tally.add_outcomes([happened("p", 100.0), happened("q", 100.0)], now_s=NOW_S)

    assert tally.blocks("champion").totals.tolist() == [10.0]
    assert tally.blocks("challenger|part of day: night").totals.tolist() == [3.0]
    assert tally.blocks(DIFFERENCE).n == 0


@pytest.mark.parametrize(
    ("values", "fault"),
    [((float("nan"),), "not a finite number"), ((-400.0,), "not positive"), ((60.0, 60.0), "1 rows were sent, 2")],
)
def test_an_answer_that_is_no_prediction_is_a_fault_of_the_challenger_alone(
    values: tuple[float, ...], fault: str
) -> None:
    tally = make_tally()
    broken = answer("p", *values, candidates=(None,))
    tally.add_answers("champion", [broken])
    assert tally.faulty == 0
    tally.add_answers("challenger", [broken])

    assert tally.faulty == 1
    assert fault in tally.fault
    assert tally.waiting == {}


def test_what_waits_for_too_long_is_given_up() -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_outcomes([happened("q", 100.0)], now_s=BEGAN.timestamp())
    tally.forget(now_s=BEGAN.timestamp() + WAIT_S)
    assert len(tally.waiting) == 2

    tally.forget(now_s=BEGAN.timestamp() + WAIT_S + 1)

    assert (tally.waiting, tally.given_up) == ({}, 1)


def test_how_much_time_the_outcomes_span_is_no_matter_of_one_wrong_clock() -> None:
    tally = make_tally(paired=False)
    tally.trusts_times = True
    assert tally.find_span_s("champion") == 0.0
    hours = [number * 24 / 199 for number in range(200)]
    tally.add_answers("champion", [answer(f"p{number}", 110.0) for number in range(201)])
    tally.add_outcomes([happened(f"p{n}", 100.0, minutes=60 * hour) for n, hour in enumerate(hours)], now_s=NOW_S)
    tally.add_outcomes([happened("p200", 100.0, minutes=-60 * 48)], now_s=NOW_S)

    assert 23 * 3600 < tally.find_span_s("champion") <= 24 * 3600


@pytest.mark.parametrize("value", [1e200, 1e9, float("inf"), float("nan"), 0.0, -3.0])
def test_an_outcome_that_is_none_breaks_no_sum(value: float) -> None:
    tally = make_tally()
    tally.add_answers("champion", [answer("p", 110.0)])
    tally.add_answers("challenger", [answer("p", 97.0)])
    tally.add_outcomes([happened("p", 1.0).model_copy(update={"value": value})], now_s=NOW_S)

    assert tally.unreadable == 1
    assert Tally.model_validate_json(tally.model_dump_json()) == tally


def test_of_too_many_that_wait_those_without_an_answer_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noriba.rollout.pairing.MOST_WAITING", 3)
    tally = make_tally()
    tally.add_answers("champion", [answer(name, 110.0) for name in ("q", "r")])
    for number in range(5):
        tally.add_outcomes([happened(f"p{number}", 100.0)], now_s=NOW_S + number)
    tally.forget(now_s=NOW_S + 5)

    # They are mostly of requests that were never captured.
    assert len(tally.waiting) == 3
    assert {"q", "r"} < tally.waiting.keys()


@pytest.mark.parametrize("bound", ["MOST_WAITING", "MOST_WAITING_BYTES"])
def test_where_more_is_asked_than_can_wait_a_part_is_heard_to_its_end(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the oldest to go, each would go before its outcome."""
    one = make_tally()
    one.add_answers("champion", [answer("p", 110.0)])
    room = 100 if bound == "MOST_WAITING" else 100 * one.waiting["p"].size
    monkeypatch.setattr(f"noriba.rollout.pairing.{bound}", room)
    tally = make_tally(paired=False)
    for minute in range(30):
        tally.add_answers("champion", [answer(f"p{minute}-{number}", 110.0) for number in range(50)])
        if minute >= 10:
            told = [happened(f"p{minute - 10}-{number}", 100.0) for number in range(50)]
            tally.add_outcomes(told, now_s=NOW_S + 60 * minute)
        tally.forget(now_s=NOW_S + 60 * minute)

    assert len(tally.waiting) <= 100
    # Ten minutes' requests are five times the room.
    assert 50 * 20 / 8 < tally.blocks("champion").n < 50 * 20 / 3


def test_of_a_look_a_minute_for_weeks_a_few_hundred_are_kept_and_they_tell_the_whole_way() -> None:
    tally = make_tally()
    for minute in range(4 * 24 * 60):
        # No outcomes come at night.
        day, of_day = divmod(minute, 24 * 60)
        outcomes = 1000 * day + min(of_day, 1000)
        tally.looks.append(Look(outcomes=outcomes, estimate=1.0, lower=0.0, upper=2.0))
        tally.forget(now_s=NOW_S)
    kept = [look.outcomes for look in tally.looks]

    assert len(kept) == MOST_LOOKS
    assert (kept[0], kept[-1]) == (0, 4000)
    steps = np.diff(kept)
    assert steps.min() >= 0
    # A fair spread: no gap is much wider than if all were alike.
    assert steps.max() <= 3 * 4000 / MOST_LOOKS
    assert len(set(kept)) > MOST_LOOKS / 2


def test_few_looks_are_all_kept() -> None:
    tally = make_tally()
    tally.looks = [Look(outcomes=5, estimate=None, lower=None, upper=None)] * MOST_LOOKS
    tally.forget(now_s=NOW_S)

    assert len(tally.looks) == MOST_LOOKS
