"""The past, replayed: each row knows what production would have known, and nothing that became known later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.features.decayed import number_groups
from noriba.records.live import LiveState
from noriba.training.encoders import measure_log_pace
from noriba.training.live import fill_means, replay_means
from tests.unit.training.traffic import LIVE, USE_CASE, make_rows

if TYPE_CHECKING:
    from noriba.features import Column

ROWS = 400


def answer_live(columns: dict[str, Column]) -> dict[str, list[float]]:
    """What requests would have been given: a state that is written and read back, and hears of outcomes as they come.

    Hears in the order of the rows among those that have come since the request before, not in that of their ends.
    """
    paces = measure_log_pace(columns, columns["duration_s"], USE_CASE.model.pace)
    groups = [number_groups([columns[key] for key in mean.keys], rows=ROWS) for mean in LIVE.means]
    waiting, text = list(range(ROWS)), LiveState(LIVE).to_json()
    given: dict[str, list[float]] = {name: [] for name in LIVE.names}
    for row, now_s in enumerate(columns["sent_at_s"].tolist()):
        state = LiveState.from_json(text, LIVE)
        ends_s = columns["sent_at_s"] + columns["duration_s"]
        for one in [one for one in waiting if ends_s[one] + LIVE.delay_s <= now_s]:
            waiting.remove(one)
            state.add(float(ends_s[one]), [group[one] for group in groups], float(paces[one]))
        state.forget(now_s)
        text = state.to_json()
        for name, value in zip(LIVE.names, state.read(now_s, [group[row] for group in groups]), strict=True):
            given[name].append(value)
    return given


def test_a_replayed_value_is_the_one_that_a_request_was_given() -> None:
    columns = make_rows(ROWS)

    replayed, live = replay_means(USE_CASE, LIVE, columns), answer_live(columns)

    for name in LIVE.names:
        np.testing.assert_allclose(replayed[name], live[name], rtol=0.0, atol=1e-9)
    known = ~np.isnan(replayed["live_all"])
    assert 0.9 < known.mean() < 1.0
    assert np.isnan(replayed["live_area_alone"]).mean() > 0.1


@settings(max_examples=25, deadline=None)
@given(row=st.integers(0, ROWS - 1), factor=st.floats(1.1, 50.0))
def test_an_outcome_changes_no_row_that_began_before_it_was_known(row: int, factor: float) -> None:
    columns = make_rows(ROWS)
    before = replay_means(USE_CASE, LIVE, columns)
    known_s = columns["sent_at_s"][row] + columns["duration_s"][row] + LIVE.delay_s

    longer = columns["duration_s"].copy()
    longer[row] *= factor
    after = replay_means(USE_CASE, LIVE, {**columns, "duration_s": longer})

    earlier = columns["sent_at_s"] < known_s
    for name in LIVE.names:
        np.testing.assert_array_equal(after[name][earlier], before[name][earlier])


def test_a_delay_makes_outcomes_known_later() -> None:
    columns = make_rows(ROWS)

    soon = replay_means(USE_CASE, LIVE, columns)
    late = replay_means(USE_CASE, replace(LIVE, delay_s=7_200.0), columns)

    assert np.isnan(late["live_all"]).sum() > np.isnan(soon["live_all"]).sum()


def test_a_group_of_which_little_is_known_is_near_its_parent() -> None:
    columns = make_rows(ROWS)
    trusting = replace(LIVE, means=(LIVE.means[0], replace(LIVE.means[1], prior=1e9)))

    found = replay_means(USE_CASE, trusting, columns)

    np.testing.assert_allclose(found["live_area"], found["live_all"], atol=1e-6)
    own = replay_means(USE_CASE, LIVE, columns)
    assert np.nanmax(np.abs(own["live_area"] - own["live_all"])) > 0.1


def test_rows_of_production_keep_what_their_model_was_told() -> None:
    columns = make_rows(ROWS)
    given_rows = np.arange(ROWS) % 3 == 0
    told = {name: np.where(np.arange(ROWS) % 2 == 0, np.nan, 0.25) for name in LIVE.names}

    filled = fill_means(USE_CASE, {**columns, **told}, given_rows)

    replayed = replay_means(USE_CASE, LIVE, columns)
    for name in LIVE.names:
        np.testing.assert_array_equal(filled[name], np.where(given_rows, told[name], replayed[name]))
    np.testing.assert_array_equal(filled["pace_now"], np.exp(filled["live_all"]))
    np.testing.assert_array_equal(filled["length_m"], columns["length_m"])


def test_a_share_of_the_rows_knows_nothing_as_requests_do_while_nobody_can_ask() -> None:
    columns, hiding = make_rows(ROWS), replace(USE_CASE, live=replace(LIVE, hidden_share=0.25))
    nobody = np.zeros(ROWS, np.bool_)

    shown, hidden = (fill_means(one, columns, nobody) for one in (USE_CASE, hiding))

    away = np.isnan(hidden["live_all"]) & ~np.isnan(shown["live_all"])
    assert away.mean() == pytest.approx(0.25, abs=0.06)
    # Whole rows: one state tells of all means.
    assert np.isnan(hidden["live_area"][away]).all()
    np.testing.assert_array_equal(hidden["live_all"][~away], shown["live_all"][~away])
    np.testing.assert_array_equal(hidden["live_all"], fill_means(hiding, columns, nobody)["live_all"])


def test_a_use_case_without_means_is_left_as_it_is() -> None:
    columns, without = make_rows(20), replace(USE_CASE, live=None)

    assert fill_means(without, columns, np.zeros(20, np.bool_)) == columns
