"""Bounds of a mean over hours hold where hours hang together, and a mean of rows alone would be too sure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.monitoring.blocks import FEWEST_BLOCKS, average_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

rows = st.lists(st.integers(0, 500), min_size=1, max_size=60)


def draw_hours(rng: np.random.Generator, hours: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Errors of 100 on average; the hour's own level wanders, as traffic does, and quiet hours have fewer rows."""
    shocks = rng.normal(0, 10, hours + 50)
    level = np.zeros(hours + 50)
    for hour in range(1, hours + 50):
        level[hour] = 0.4 * level[hour - 1] + shocks[hour]
    counts = rng.poisson(np.where(np.arange(hours) % 24 < 6, 40, 200))
    sums = np.array([rng.normal(100 + level[50 + hour], 80, count).sum() for hour, count in enumerate(counts)])
    return sums, counts


def test_bounds_are_missed_about_as_often_as_was_said() -> None:
    rng = np.random.default_rng(1)
    looks, missed, naive = 400, 0, 0
    for _ in range(looks):
        sums, counts = draw_hours(rng, 72)
        found = average_blocks(sums, counts)
        missed += found.lower(0.05) > 100
        naive += found.mean - 1.645 * 80 / math.sqrt(counts.sum()) > 100

    # 5 % of 400, and what few blocks cost; rows by themselves are wrong four times as often.
    assert missed <= 0.09 * looks
    assert naive >= 0.2 * looks


@given(rows, st.floats(-1e3, 1e3))
def test_a_constant_has_no_error(counts: list[int], value: float) -> None:
    found = average_blocks([value * count for count in counts], counts)

    if sum(counts):
        assert found.mean == pytest.approx(value)
    enough = sum(count > 0 for count in counts) >= FEWEST_BLOCKS
    assert found.error == (pytest.approx(0.0, abs=1e-9) if enough else math.inf)


def test_independent_hours_come_to_the_textbook_s_error() -> None:
    rng = np.random.default_rng(2)
    hours = 5_000
    sums = rng.normal(100, 10, hours) * 50

    found = average_blocks(sums, np.full(hours, 50))

    assert found.error == pytest.approx(10 / math.sqrt(hours), rel=0.15)


def test_one_hour_says_nothing_of_how_hours_scatter() -> None:
    found = average_blocks([500.0], [5])

    assert (found.mean, found.lower(0.05), found.upper(0.05)) == (100.0, -math.inf, math.inf)
