"""The state of the last hours, as text."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from noriba.records.live import MOST_GROUPS, LiveState, LiveStateError
from noriba.usecase import LiveMean, LiveSpec

SPEC = LiveSpec(
    means=(
        LiveMean("all", half_life_s=1_800.0),
        LiveMean("here", half_life_s=3_600.0, keys=("area",), prior=2.0, parent="all"),
    ),
    known_after="duration_s",
)


def test_a_state_reads_back_bit_for_bit() -> None:
    state = LiveState(SPEC)
    state.add(1_000.1, [(), (3.0,)], -1.1)
    state.add(1_700.3, [(), None], 0.7)

    again = LiveState.from_json(state.to_json(), SPEC)

    assert again.to_json() == state.to_json()
    for groups in ([(), (3.0,)], [(), (4.0,)], [(), None]):
        assert again.read(2_000.0, groups) == state.read(2_000.0, groups)


def test_a_group_that_is_not_known_is_told_its_parent_s_mean() -> None:
    state = LiveState(SPEC)
    assert all(map(math.isnan, state.read(0.0, [(), (3.0,)])))

    state.add(0.0, [(), (3.0,)], -1.0)

    assert state.read(0.0, [(), (4.0,)]) == [-1.0, -1.0]
    state.add(0.0, [(), None], 2.0)
    # (−1 + 2 · 0.5) / (1 + 2), with the city's mean of 0.5.
    assert state.read(0.0, [(), (3.0,)]) == pytest.approx([0.5, 0.0])


def test_a_mean_that_is_declared_otherwise_begins_anew() -> None:
    state = LiveState(SPEC)
    state.add(0.0, [(), (3.0,)], -1.0)
    changed = replace(SPEC, means=(replace(SPEC.means[0], half_life_s=60.0), SPEC.means[1]))

    all_now, here = LiveState.from_json(state.to_json(), changed).read(0.0, [(), (3.0,)])

    assert math.isnan(all_now)
    assert here == -1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"form": 2, "means": {}}',
        '{"form": 1}',
        '{"form": 1, "means": {"all": {"half_life_s": 1800.0, "keys": [], "groups": [[1.0, 0.0, 1.0]]}}}',
        '{"form": 1, "means": {"all": {"half_life_s": 1800.0, "keys": [], "groups": [[1.0, NaN, 1.0]]}}}',
        '{"form": 1, "means": {"all": {"half_life_s": 1800.0, "keys": [], "groups": [[1.0, 1.0]]}}}',
        '{"form": 1, "means": {"all": {"half_life_s": 1800.0, "keys": [], "groups": ["abc"]}}}',
    ],
)
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(LiveStateError):
        LiveState.from_json(text, SPEC)


def test_a_state_fits_into_an_entry_of_the_ledger_however_many_places_there_are() -> None:
    keyed = replace(SPEC.means[1], keys=("area", "other"), parent=None)
    state = LiveState(replace(SPEC, means=(keyed,)))
    for number in range(3 * MOST_GROUPS):
        state.add(1.7e9 + number / 7.0, [(number * math.pi, number * math.e)], -number / 3.0)

    state.forget(1.7e9 + MOST_GROUPS)

    text = state.to_json()
    assert len(json.loads(text)["means"]["here"]["groups"]) == MOST_GROUPS
    assert len(text) < 300_000


def test_a_state_of_which_nothing_is_known_any_more_is_stale() -> None:
    state = LiveState(SPEC)
    assert state.is_stale(0.0)

    state.add(0.0, [(), (3.0,)], -1.0)

    # The longer half-life is the last to forget.
    assert not state.is_stale(4 * 3_600.0)
    assert state.is_stale(4 * 3_600.0 + 1)


def test_an_outcome_without_a_pace_spoils_no_mean() -> None:
    state = LiveState(SPEC)
    state.add(0.0, [(), (3.0,)], -1.0)
    before = state.to_json()

    state.add(0.0, [(), (3.0,)], math.nan)
    state.add(0.0, [(), (3.0,)], math.inf)
    state.add(math.nan, [(), (3.0,)], -1.0)

    assert state.to_json() == before
