"""What requests are told of the last hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noriba.features import as_column
from noriba.features.decayed import number_groups
from noriba.records.live import LiveState
from noriba.serving.requests import convert_request
from noriba.training.live import replay_means
from tests.unit.training.deliveries import INPUTS, DeliveryRequest
from tests.unit.training.traffic import LIVE, USE_CASE, make_rows

ROWS = 200


def know(columns: dict[str, np.ndarray], *, until: int) -> LiveState:
    """A state that has heard of the first rows."""
    state = LiveState(LIVE)
    groups = [number_groups([columns[key] for key in mean.keys], rows=ROWS) for mean in LIVE.means]
    paces = np.log(columns["duration_s"]) - np.log(columns["length_m"] + 500.0)
    for row in range(until):
        ends_s = columns["sent_at_s"][row] + columns["duration_s"][row]
        state.add(float(ends_s), [group[row] for group in groups], float(paces[row]))
    return state


def ask(columns: dict[str, np.ndarray], rows: slice) -> DeliveryRequest:
    return DeliveryRequest(columns={name: columns[name][rows].tolist() for name in INPUTS})


def test_a_request_is_told_what_a_replay_says_that_it_would_have_been_told() -> None:
    columns = make_rows(ROWS)
    # One at a time, so that all of the others have ended before it.
    columns["sent_at_s"] = as_column(1.7e9 + 20_000.0 * np.arange(ROWS))
    columns["duration_s"] = np.minimum(columns["duration_s"], 9_000.0)
    replayed = replay_means(USE_CASE, LIVE, columns)

    converted = convert_request(USE_CASE, ask(columns, slice(150, 151)), live=know(columns, until=150))

    for name in LIVE.names:
        np.testing.assert_allclose(converted.inputs[name], replayed[name][150:151], rtol=0.0, atol=1e-9)


def test_features_are_those_of_the_inputs_that_are_captured() -> None:
    columns = make_rows(ROWS)
    state = know(columns, until=ROWS)

    converted = convert_request(USE_CASE, ask(columns, slice(0, 40)), live=state)

    again = USE_CASE.features.compute_identified(converted.inputs)
    assert not np.isnan(converted.inputs["live_all"]).any()
    assert list(converted.columns) == list(again)
    for identity, column in again.items():
        np.testing.assert_array_equal(converted.columns[identity], column)


def test_candidates_of_one_place_are_told_the_same_and_each_what_it_would_be_alone() -> None:
    columns = make_rows(ROWS)
    state = know(columns, until=ROWS)

    together = convert_request(USE_CASE, ask(columns, slice(0, 60)), live=state).inputs

    for row in range(60):
        alone = convert_request(USE_CASE, ask(columns, slice(row, row + 1)), live=state).inputs
        for name in LIVE.names:
            np.testing.assert_array_equal(together[name][row : row + 1], alone[name])


def test_a_request_is_answered_where_nobody_knows_anything() -> None:
    columns = make_rows(ROWS)

    for state in (None, LiveState(LIVE)):
        converted = convert_request(USE_CASE, ask(columns, slice(0, 3)), live=state)
        for name in LIVE.names:
            assert np.isnan(converted.inputs[name]).all()


def test_of_a_ride_of_next_week_the_streets_of_this_hour_say_nothing() -> None:
    columns = make_rows(ROWS)
    state = know(columns, until=ROWS)
    later = {**columns, "sent_at_s": columns["sent_at_s"] + 7 * 86_400.0}

    converted = convert_request(USE_CASE, ask(later, slice(0, 3)), live=state)

    assert np.isnan(converted.inputs["live_all"]).all()


def test_a_use_case_without_means_brings_what_its_requests_bring() -> None:
    columns = make_rows(ROWS)
    without = replace(USE_CASE, live=None)
    inputs = {name: columns[name][:2].tolist() for name in (*INPUTS, *LIVE.names)}

    converted = convert_request(without, DeliveryRequest(columns=inputs), live=know(columns, until=ROWS))

    assert np.isnan(converted.inputs["live_all"]).all()
