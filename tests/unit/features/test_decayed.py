"""Means that forget: what they are, and that nothing hangs on the order in which things are heard."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.features.decayed import (
    FORGOTTEN_HALF_LIVES,
    STALE_HALF_LIVES,
    DecayedMeans,
    number_groups,
)

HALF_LIFE_S = 600.0
HEARD = st.lists(
    st.tuples(st.sampled_from([(1.0,), (2.0,)]), st.floats(0.0, 5_000.0), st.floats(-3.0, 3.0)), min_size=1, max_size=30
)


def remember(heard: list[tuple[tuple[float, ...], float, float]]) -> DecayedMeans:
    means = DecayedMeans(HALF_LIFE_S)
    for group, at_s, value in heard:
        means.add(group, at_s, value)
    return means


@given(heard=HEARD, later_s=st.floats(0.0, 2_000.0))
def test_each_number_counts_half_as_much_after_every_half_life(
    heard: list[tuple[tuple[float, ...], float, float]], later_s: float
) -> None:
    now_s = max(at_s for _group, at_s, _value in heard) + later_s

    means = remember(heard)

    for group in ((1.0,), (2.0,)):
        own = [(at_s, value) for one, at_s, value in heard if one == group]
        weights = [0.5 ** ((now_s - at_s) / HALF_LIFE_S) for at_s, _value in own]
        found = means.read(group, now_s)
        if not own or now_s - max(at_s for at_s, _value in own) > STALE_HALF_LIVES * HALF_LIFE_S:
            assert found is None
        else:
            assert found is not None
            assert found[0] == pytest.approx(sum(weights))
            total = sum(weight * value for weight, (_at_s, value) in zip(weights, own, strict=True))
            assert found[1] == pytest.approx(total, abs=1e-9)


@given(heard=HEARD, data=st.data())
def test_the_order_in_which_things_are_heard_changes_nothing(
    heard: list[tuple[tuple[float, ...], float, float]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(heard))
    now_s = max(at_s for _group, at_s, _value in heard)

    for group in ((1.0,), (2.0,)):
        one, other = remember(heard).read(group, now_s), remember(shuffled).read(group, now_s)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one == pytest.approx(other, abs=1e-9)


@given(heard=HEARD)
def test_what_is_written_down_reads_back_bit_for_bit(heard: list[tuple[tuple[float, ...], float, float]]) -> None:
    means, again = remember(heard), DecayedMeans(HALF_LIFE_S)

    again.restore(means.export())

    assert list(again.export()) == list(means.export())
    assert again.read((1.0,), 5_000.0) == means.read((1.0,), 5_000.0)


def test_a_group_of_which_nothing_was_heard_for_some_half_lives_is_not_known() -> None:
    means = remember([((1.0,), 0.0, 2.0)])

    just = STALE_HALF_LIVES * HALF_LIFE_S
    assert means.read((1.0,), just) == pytest.approx((2.0**-STALE_HALF_LIVES, 2.0 * 2.0**-STALE_HALF_LIVES))
    assert not means.is_stale(just)
    assert means.read((1.0,), just + 1.0) is None
    assert means.is_stale(just + 1.0)
    assert means.read((3.0,), 0.0) is None


def test_what_has_decayed_to_nothing_is_left_out_and_changes_nothing() -> None:
    old_s, now_s = 0.0, (FORGOTTEN_HALF_LIVES + 1.0) * HALF_LIFE_S
    pruned = remember([((1.0,), old_s, 3.0), ((2.0,), now_s, 1.0)])
    kept = remember([((1.0,), old_s, 3.0), ((2.0,), now_s, 1.0)])

    pruned.forget(now_s, most=10)

    assert len(pruned) == 1
    for means in (pruned, kept):
        means.add((1.0,), now_s, -1.0)
    assert pruned.read((1.0,), now_s) == pytest.approx(kept.read((1.0,), now_s), rel=1e-12)


def test_of_too_many_groups_those_stay_of_which_something_was_heard_last() -> None:
    means = remember([((float(number),), 100.0 * number, 0.0) for number in range(5)])

    means.forget(400.0, most=2)

    assert [row[0] for row in means.export()] == [3.0, 4.0]


def test_a_row_has_a_group_where_all_its_keys_are_known() -> None:
    first, second = np.array([1.0, 2.0, math.nan]), np.array([5.0, math.nan, 6.0])

    assert number_groups([first, second], rows=3) == [(1.0, 5.0), None, None]
    assert number_groups([], rows=2) == [(), ()]
