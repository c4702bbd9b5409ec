"""A day of predictions and their outcomes become rows: each ride once, with what it was asked with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from noriba.datasets.gathering import DayGathering, GatheredRows, bound_day
from noriba.datasets.last_words import LastWords, hash_rows
from noriba.datasets.parts import encode_parquet
from noriba.datasets.raw import RawRows
from noriba.datasets.traffic import find_source
from noriba.datasets.transformation import TransformedChunk, transform_chunk
from noriba.events import CLOCK_SKEW
from noriba.records.traffic import name_day
from noriba.timestamps import to_microseconds
from noriba.usecase import TrafficPolicy, load_simulator, load_use_case
from tests.unit.datasets.asked import NOON, Told, capture, read_file, write_outcomes, write_predictions

if TYPE_CHECKING:
    from noriba.records.captures import CapturedAnswer
    from noriba.usecase import UseCase

DAY = NOON.date()
TAXI = load_use_case("taxi_eta")
RIDE = dict(TAXI.golden_requests[0])
CARS = {
    "candidates": [{"candidate_id": f"car-{number}", "origin": {"zone_id": 41 + number}} for number in range(3)],
    "destination": {"latitude": 40.7061, "longitude": -74.0087},
    "pickup_at": "2026-07-01T08:00:00-04:00",
    "rain_mm_per_h": 1.5,
}


def gather(
    answers: dict[str, list[CapturedAnswer]],
    told: list[Told],
    *,
    use_case: UseCase = TAXI,
    before: datetime = NOON + timedelta(days=1),
) -> GatheredRows:
    predictions = read_file(write_predictions(answers))
    words = LastWords(hash_rows(predictions))
    words.add(read_file(write_outcomes(use_case, told)), before_us=to_microseconds(before))
    words.finish()
    gathering = DayGathering(use_case, DAY, words)
    gathering.add(predictions)
    return gathering.finish()


def ingest(found: GatheredRows, use_case: UseCase = TAXI) -> TransformedChunk:
    """What INGEST makes of the object."""
    assert found.table is not None
    landed = read_file(encode_parquet(found.table))
    key = name_day(use_case.name, DAY)
    source = find_source(use_case, landed.column_names, object_key=key)
    return transform_chunk(RawRows.whole(landed), source, use_case, object_key=key)


def list_rows(found: GatheredRows) -> list[dict[str, Any]]:
    return [] if found.table is None else found.table.to_pylist()


@pytest.mark.parametrize("name", ["taxi_eta", "scooter_energy"])
def test_ingested_traffic_has_the_features_that_the_requests_had_bit_for_bit(name: str) -> None:
    use_case, simulator = load_use_case(name), load_simulator(name)
    rides = list(simulator.observe(simulator.simulate(300, seed=3, first_day=date(2026, 7, 1), days=1)))
    asked = [capture(use_case, ride.request, f"p{number:03}") for number, ride in enumerate(rides)]
    # No two alike: a kept row is found again by its outcome.
    outcomes = [ride.outcome * (1.0 + number * 1e-9) for number, ride in enumerate(rides)]
    told = [
        Told(f"p{number:03}", outcome, observed_at=ride.observed_at)
        for number, (ride, outcome) in enumerate(zip(rides, outcomes, strict=True))
    ]

    chunk = ingest(gather({"v1": asked}, told, use_case=use_case), use_case)

    assert chunk.kept is not None
    assert len(rides) > 200
    assert chunk.rows_kept + chunk.rows_quarantined == len(rides)
    by_outcome = dict(zip(outcomes, asked, strict=True))
    labels = chunk.kept[use_case.data.label].to_pylist()
    for feature in use_case.features.features:
        captured = [by_outcome[label].features[feature.identity][0] for label in labels]
        expected = np.array([np.nan if value is None else value for value in captured])
        made = chunk.kept[feature.name].to_numpy()
        np.testing.assert_array_equal(made.view(np.uint64)[~np.isnan(made)], expected.view(np.uint64)[~np.isnan(made)])
        np.testing.assert_array_equal(np.isnan(made), np.isnan(expected))


def test_a_row_has_inputs_and_label_and_says_where_it_is_from() -> None:
    found = gather({"v3": [capture(TAXI, CARS, "p")]}, [Told("p", 700.0, candidate_id="car-1")])

    [row] = list_rows(found)
    assert list(row) == [*TAXI.features.inputs, "duration_s", "prediction_id", "candidate_id", "model_version"]
    assert (row["origin_zone"], row["rain_mm_per_h"], row["duration_s"]) == (42.0, 1.5, 700.0)
    assert (row["prediction_id"], row["candidate_id"], row["model_version"]) == ("p", "car-1", 3)
    assert (found.without_outcome, found.without_inputs) == (2, 0)


def test_a_shadow_s_copy_of_a_request_is_the_same_ride() -> None:
    both = {version: [capture(TAXI, RIDE, "p"), capture(TAXI, CARS, "q")] for version in ("v2", "v1")}

    found = gather(both, [Told("p", 600.0)])

    assert [(row["prediction_id"], row["model_version"]) for row in list_rows(found)] == [("p", 1)]
    assert found.without_outcome == 3


def test_what_got_no_answer_or_belongs_to_another_day_is_no_row() -> None:
    begin, end = bound_day(DAY)
    before, first = (capture(TAXI, RIDE, str(at), at=at) for at in (begin - timedelta(microseconds=1), begin))
    last, after = (capture(TAXI, RIDE, str(at), at=at) for at in (end - timedelta(microseconds=1), end))
    failed = capture(TAXI, RIDE, "failed", is_answered=False)
    told = [Told(one.prediction_id, 600.0) for one in (before, first, last, after, failed)]

    found = gather({"v1": [after, last, first, before, failed]}, told)

    assert [row["prediction_id"] for row in list_rows(found)] == [first.prediction_id, last.prediction_id]


def test_an_outcome_of_the_wrong_candidate_or_too_late_teaches_nothing() -> None:
    late = Told("p", 600.0, reported_at=NOON + timedelta(hours=9))
    wrong = [Told("q", 600.0), Told("q", 600.0, candidate_id="car-9"), Told("nobody", 600.0)]
    answers = {"v1": [capture(TAXI, RIDE, "p"), capture(TAXI, CARS, "q")]}

    assert gather(answers, [late, *wrong], before=NOON + timedelta(hours=9)).table is None
    assert gather(answers, [late, *wrong], before=NOON + timedelta(hours=10)).table is not None


def test_of_contradictory_outcomes_the_last_observed_counts_and_it_is_said() -> None:
    told = [Told("p", 900.0, observed_at=NOON + timedelta(minutes=1)), Told("p", 600.0), Told("q", 500.0)]

    found = gather({"v1": [capture(TAXI, RIDE, "p"), capture(TAXI, RIDE, "q")]}, told)

    assert [row["duration_s"] for row in list_rows(found)] == [900.0, 500.0]
    assert found.contradicted == 1


def test_what_begins_after_its_outcome_was_observed_is_no_row_and_takes_no_other_s_place() -> None:
    begins = {"past": timedelta(0), "skewed": CLOCK_SKEW, "late": CLOCK_SKEW + timedelta(seconds=1)}
    rides = {name: {**RIDE, "pickup_at": (NOON + after).isoformat()} for name, after in begins.items()}
    rides["far"] = {**RIDE, "pickup_at": "2098-01-01T12:00:00Z"}
    asked = [capture(TAXI, ride, name) for name, ride in rides.items()]
    two = replace(TAXI, policies=replace(TAXI.policies, traffic=TrafficPolicy(max_rows_per_day=2)))

    found = gather({"v1": asked}, [Told(name, 600.0) for name in rides], use_case=two)

    assert {row["prediction_id"] for row in list_rows(found)} == {"past", "skewed"}
    assert (found.not_begun, found.left_out) == (2, 0)


@pytest.mark.parametrize("captured", [{}, {"rain_mm_per_h": (None,)}])
def test_what_was_captured_without_inputs_is_no_row_and_is_counted(captured: dict[str, Any]) -> None:
    """By an earlier version, or before an input was declared: nobody knows what the request would have brought."""
    old = capture(TAXI, RIDE, "p", with_inputs=False)
    old = type(old)(**{**vars(old), "inputs": captured})
    answers = [old, capture(TAXI, RIDE, "q")]
    predictions = read_file(write_predictions({"v1": answers}))
    words = LastWords(hash_rows(predictions))
    words.add(read_file(write_outcomes(TAXI, [Told("p", 600.0), Told("q", 600.0)])), before_us=2**62)
    gathering = DayGathering(TAXI, DAY, words)
    gathering.add(predictions)
    # A file of an earlier version has no such column.
    gathering.add(read_file(write_predictions({"v1": [capture(TAXI, RIDE, "r")]})).drop_columns(["inputs"]))

    found = gathering.finish()

    assert [row["prediction_id"] for row in list_rows(found)] == ["q"]
    assert found.without_inputs == 1


def test_nonsense_for_an_outcome_is_caught_by_the_rules_like_any_other() -> None:
    answers = {"v1": [capture(TAXI, RIDE, prediction_id) for prediction_id in ("a", "b", "c")]}
    told = [Told("a", 0.5), Told("b", 86_000.0), Told("c", 700.0)]

    chunk = ingest(gather(answers, told))

    assert (chunk.rows_kept, chunk.rows_quarantined) == (1, 2)
    assert chunk.quarantine is not None
    reasons = {row["prediction_id"]: row["_reasons"] for row in chunk.quarantine.to_pylist()}
    assert reasons["a"].startswith("too_short: ")
    assert reasons["b"].startswith("too_long: ")


def test_a_day_has_no_more_rows_than_it_may_and_always_the_same_ones() -> None:
    asked = [capture(TAXI, RIDE, f"p{number}") for number in range(30)]
    told = [Told(f"p{number}", 600.0 + number) for number in range(30)]
    few = replace(TAXI, policies=replace(TAXI.policies, traffic=TrafficPolicy(max_rows_per_day=7)))

    found = gather({"v1": asked}, told, use_case=few)
    again = gather({"v1": asked[::-1]}, told[::-1], use_case=few)

    assert len(list_rows(found)) == 7
    assert found.left_out == 23
    assert {row["prediction_id"] for row in list_rows(found)} == {row["prediction_id"] for row in list_rows(again)}


def test_the_same_day_makes_the_same_bytes_in_whatever_order_it_is_read() -> None:
    asked = [capture(TAXI, RIDE, f"p{number}", at=NOON + timedelta(seconds=number % 3)) for number in range(9)]
    told = [Told(f"p{number}", 600.0 + number) for number in range(9)]

    one, other = gather({"v1": asked}, told), gather({"v1": asked[::-1]}, told[::-1])

    assert one.table is not None
    assert other.table is not None
    assert encode_parquet(one.table) == encode_parquet(other.table)
