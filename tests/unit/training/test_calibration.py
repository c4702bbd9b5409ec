"""Conformal calibration, held against the textbook and against its own guarantee."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.training.calibration import IntervalShift, calibrate_interval

SHARES = ["0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.4"]
NUMBERS = st.floats(-1e6, 1e6)


def textbook_quantile(scores: list[float], share: str) -> float:
    """The ⌈(n + 1)(1 − share)⌉-th smallest score, counted in exact fractions; the largest when there are too few."""
    rank = math.ceil((len(scores) + 1) * (1 - Fraction(share)))
    return sorted(scores)[min(rank, len(scores)) - 1]


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=200), st.sampled_from(SHARES))
def test_each_end_moves_by_the_textbook_quantile_of_its_scores(
    rows: list[tuple[float, float, float]], share: str
) -> None:
    low, high, outcome = np.array(rows).T
    # A quantile of 0.9 leaves a share above it that no float says exactly; the rank must be right all the same.
    high_share = 1.0 - float(1 - Fraction(share))

    shift = calibrate_interval(low, high, outcome, low_share=float(share), high_share=high_share)

    assert shift.low == textbook_quantile((low - outcome).tolist(), share)
    assert shift.high == textbook_quantile((outcome - high).tolist(), share)


@pytest.mark.parametrize("share", SHARES)
def test_the_rank_is_exact_for_every_number_of_rows(share: str) -> None:
    high_share = 1.0 - float(1 - Fraction(share))
    for rows in range(1, 1000):
        scores = np.arange(rows, dtype=np.float64)
        zeros = np.zeros(rows)

        shift = calibrate_interval(scores, -scores, zeros, low_share=float(share), high_share=high_share)

        assert shift.low == shift.high == textbook_quantile(scores.tolist(), share)


@pytest.mark.parametrize("rows", range(1, 9))
def test_with_too_few_rows_the_interval_reaches_the_farthest_outcome(rows: int) -> None:
    outcome = np.random.default_rng(rows).normal(size=rows)
    zeros = np.zeros(rows)

    shift = calibrate_interval(zeros, zeros, outcome, low_share=0.1, high_share=0.1)

    assert shift == IntervalShift(low=(-outcome).max(), high=outcome.max())


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (0.0, 0.0), (-3.0, 9.0)], ids=["narrow", "none", "wide"])
@pytest.mark.parametrize("rows", [30, 99])
def test_each_end_misses_its_share_of_outcomes_whatever_the_raw_interval(low: float, high: float, rows: int) -> None:
    share, draws = 0.1, 4_000
    # Skewed, so that the two ends must move differently; the last column is the outcome that nobody has seen.
    outcomes = np.random.default_rng(7).gumbel(size=(draws, rows + 1))
    low_ends, high_ends = np.full(rows, low), np.full(rows, high)
    below = above = 0
    for drawn in outcomes:
        shift = calibrate_interval(low_ends, high_ends, drawn[:-1], low_share=share, high_share=share)
        lower, upper = shift.apply(np.array([low]), np.array([high]))
        below += drawn[-1] < lower[0]
        above += drawn[-1] > upper[0]

    # Exchangeable draws without ties miss at most the share, and at least the share less 1 / (n + 1).
    error = 4.0 * math.sqrt(draws * share * (1 - share))
    for missed in (below, above):
        assert missed <= draws * share + error
        assert missed >= draws * (share - 1 / (rows + 1)) - error


def test_an_interval_that_was_too_wide_shrinks() -> None:
    outcome = np.random.default_rng(3).uniform(-1.0, 1.0, 500)

    shift = calibrate_interval(np.full(500, -5.0), np.full(500, 5.0), outcome, low_share=0.1, high_share=0.1)

    assert shift.low < 0 and shift.high < 0  # noqa: PT018  # one statement: the interval shrinks
    low, high = shift.apply(np.array([-5.0]), np.array([5.0]))
    assert (low[0], high[0]) == pytest.approx((-0.8, 0.8), abs=0.1)
