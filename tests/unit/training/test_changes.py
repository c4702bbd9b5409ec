"""Change points: found where there are some, and seldom where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.training.changes import CRITICAL, find_change, find_last_change

if TYPE_CHECKING:
    from noriba.features import Column

DAYS = 120
SERIES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=80).map(np.array)


def draw_days(days: int, *, seed: int, memory: float = 0.0) -> Column:
    """A series of variance 1 whose days resemble the day before by `memory`."""
    rng = np.random.default_rng(seed)
    series, level = np.empty(days), rng.normal()
    for day in range(days):
        series[day] = level
        level = memory * level + np.sqrt(1.0 - memory**2) * rng.normal()
    return series


@pytest.mark.parametrize(("memory", "most"), [(0.0, 0.02), (0.4, 0.06)])
def test_where_nothing_changes_a_change_is_seldom_found(memory: float, most: float) -> None:
    """The critical value says one in a hundred, of days that are independent; a trial judges what is found."""
    found = [find_change(draw_days(DAYS, seed=seed, memory=memory), min_length=14) for seed in range(500)]

    assert np.mean([one is not None for one in found]) <= most


def test_the_critical_value_is_kolmogorov_s() -> None:
    exceeded = 2.0 * sum((-1) ** (k + 1) * np.exp(-2.0 * k**2 * CRITICAL**2) for k in range(1, 20))

    assert exceeded == pytest.approx(0.01, abs=1e-4)


def test_a_change_is_found_where_it_is() -> None:
    places = [
        find_change(draw_days(DAYS, seed=seed) + 2.0 * (np.arange(DAYS) >= 80), min_length=14) for seed in range(100)
    ]

    off = [abs(place - 80) for place in places if place is not None]
    assert len(off) == 100
    assert np.median(off) <= 1
    assert max(off) <= 10


def test_of_several_changes_the_last_one_counts() -> None:
    days = np.arange(200)
    series = draw_days(200, seed=3) + 3.0 * (days >= 60) - 4.0 * (days >= 140)

    assert find_last_change(series, min_length=14) == pytest.approx(140, abs=3)
    assert find_last_change(draw_days(200, seed=3), min_length=14) == 0


def test_a_stretch_of_a_few_days_is_no_change() -> None:
    series = draw_days(DAYS, seed=5)
    series[-6:] += 3.0

    assert find_last_change(series, min_length=14) == 0


@given(SERIES, st.integers(1, 30))
def test_whatever_the_series_stretches_are_long_enough(series: Column, min_length: int) -> None:
    place = find_last_change(series, min_length=min_length)

    assert place == 0 or min_length <= place <= len(series) - min_length


@given(SERIES, st.integers(1, 30))
def test_the_place_is_where_the_sum_is_farthest_from_its_share(series: Column, min_length: int) -> None:
    """By the definition, slowly."""
    place = find_change(series, min_length=min_length)

    def depart(split: int) -> float:
        return abs(sum(series[:split]) - split / len(series) * sum(series))

    if place is not None:
        best = max(depart(split) for split in range(min_length, len(series) - min_length + 1))
        assert depart(place) == pytest.approx(best, rel=1e-6, abs=1e-6)
