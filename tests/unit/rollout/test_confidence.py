"""Bounds that hold however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from noriba.features import as_column
from noriba.rollout.confidence import FEWEST_BLOCKS, Blocks, bound_difference, bound_mean, find_margin

ALPHA, TUNED_FOR = 0.05, 1_000


@pytest.mark.parametrize("n", [1, 10, 500, 1_000, 20_000])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_margin_is_where_the_mixture_of_likelihood_ratios_reaches_one_over_alpha(n: int, alpha: float) -> None:
    """Robbins' mixture, integrated numerically: by Ville's inequality it is that large with probability alpha at most.

    The tuning is read off the margin itself, so that only the form of the boundary is taken from the module.
    """
    rho2 = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / TUNED_FOR
    total = n * find_margin(n, alpha=alpha, tuned_for=TUNED_FOR)
    peak = rho2 * total / (n * rho2 + 1)

    def ratio(effect: float) -> float:
        prior = math.exp(-(effect**2) / (2 * rho2)) / math.sqrt(2 * math.pi * rho2)
        return math.exp(effect * total - effect**2 * n / 2) * prior

    reach = 12 / math.sqrt(n + 1 / rho2)
    mixture, _ = integrate.quad(ratio, peak - reach, peak + reach, points=[peak], limit=500)

    assert mixture == pytest.approx(1 / alpha, rel=1e-6)


def test_bounds_are_tightest_where_they_are_tuned_for() -> None:
    margins = [find_margin(TUNED_FOR, alpha=ALPHA, tuned_for=tuned) for tuned in (200, 500, 900, 1_100, 2_000, 5_000)]
    best = find_margin(TUNED_FOR, alpha=ALPHA, tuned_for=TUNED_FOR)

    # Equation (10) is an approximation of the optimum, near it by a part in a thousand.
    assert best <= min(margins) * 1.001
    assert margins[0] > margins[1] > margins[2]
    assert margins[3] < margins[4] < margins[5]


def test_looking_after_every_outcome_is_wrong_no_oftener_than_alpha() -> None:
    """Two thousand walks without drift, looked at ten thousand times each; a 95 % interval would be wrong in most."""
    random, runs, length = np.random.default_rng(5), 2_000, 10_000
    margins = np.array([find_margin(n, alpha=ALPHA, tuned_for=TUNED_FOR) for n in range(1, length + 1)])
    looks = np.arange(1, length + 1)
    wrong = interval_wrong = 0
    for _ in range(runs):
        mean = np.abs(np.cumsum(random.standard_normal(length))) / looks
        wrong += bool((mean > margins).any())
        interval_wrong += bool((mean > 1.96 / np.sqrt(looks)).any())

    assert wrong / runs < ALPHA
    assert interval_wrong / runs > 0.5


def sum_up(values: np.ndarray, *, hours: float = 100.0, seed: int = 0) -> Blocks:
    times_s = np.sort(np.random.default_rng(seed).uniform(0.0, hours * 3600.0, len(values)))
    return Blocks.of(as_column(values), as_column(times_s))


def test_where_nothing_depends_on_anything_the_bounds_are_those_of_single_measurements() -> None:
    values = np.random.default_rng(3).normal(2.0, 5.0, 5_000)

    found = bound_mean(sum_up(values), alpha=ALPHA, tuned_for=TUNED_FOR)

    alone = values.std() * find_margin(5_000, alpha=ALPHA, tuned_for=TUNED_FOR)
    assert found.n == 5_000
    assert found.estimate == pytest.approx(values.mean())
    # The largest of several estimates of one variance: never below it, and not far above.
    assert alone * (1 - 1e-9) < (found.upper - found.lower) / 2 < 1.5 * alone


def test_a_jam_that_slows_a_whole_hour_makes_the_bounds_as_wide_as_it_deserves() -> None:
    """A hundred hours, each with a shock of its own: there are a hundred measurements, not five thousand."""
    random = np.random.default_rng(4)
    times_s = np.repeat(np.arange(100) * 3600.0, 50) + np.tile(np.arange(50) * 72.0, 100)
    values = np.repeat(random.normal(0.0, 10.0, 100), 50) + random.normal(0.0, 1.0, 5_000)

    found = bound_mean(Blocks.of(as_column(values), as_column(times_s)), alpha=ALPHA, tuned_for=TUNED_FOR)

    hourly = values.reshape(100, 50).mean(axis=1).std() * math.sqrt(50)
    expected = hourly * find_margin(5_000, alpha=ALPHA, tuned_for=TUNED_FOR)
    assert 0.8 * expected < (found.upper - found.lower) / 2 < 1.6 * expected


@pytest.mark.parametrize("values", [[], [1.0], [3.0] * 200])
def test_where_the_variance_is_not_known_the_bounds_are_infinite(values: list[float]) -> None:
    found = bound_mean(sum_up(np.array(values)), alpha=ALPHA, tuned_for=TUNED_FOR)

    assert (found.n, found.lower, found.upper) == (len(values), -math.inf, math.inf)


def test_few_blocks_say_nothing_of_how_much_they_vary() -> None:
    values = as_column(np.random.default_rng(1).normal(size=1_000))
    times_s = as_column(np.linspace(0.0, (FEWEST_BLOCKS - 1) * 900.0 - 1.0, 1_000))

    assert bound_mean(Blocks.of(values, times_s), alpha=ALPHA, tuned_for=TUNED_FOR).upper == math.inf
    assert bound_mean(Blocks.of(values, times_s, block_s=450.0), alpha=ALPHA, tuned_for=TUNED_FOR).upper < 1.0


@given(st.permutations(range(40)), st.floats(-1e3, 1e3), st.floats(0.1, 1e3))
def test_order_does_not_matter_and_units_carry_over(order: list[int], shift: float, unit: float) -> None:
    values = np.random.default_rng(7).normal(size=40)
    times_s = as_column(np.arange(40) * 1_000.0)
    plain = bound_mean(Blocks.of(as_column(values), times_s), alpha=ALPHA, tuned_for=TUNED_FOR)

    shuffled = Blocks.of(as_column((values * unit + shift)[order]), times_s[order])
    found = bound_mean(shuffled, alpha=ALPHA, tuned_for=TUNED_FOR)

    for ours, theirs in ((found.estimate, plain.estimate), (found.lower, plain.lower), (found.upper, plain.upper)):
        assert ours == pytest.approx(theirs * unit + shift, abs=1e-5 * (unit + abs(shift)))


def test_what_slows_both_groups_falls_out_of_their_difference() -> None:
    random = np.random.default_rng(8)
    jam = np.repeat(random.normal(0.0, 10.0, 100), 50)
    times_s = np.repeat(np.arange(100) * 3600.0, 50) + np.tile(np.arange(50) * 72.0, 100)
    errors = jam + random.normal(0.0, 1.0, 5_000)
    first = np.arange(5_000) % 2 == 0

    def blocks(chosen: np.ndarray, shift: float = 0.0) -> Blocks:
        return Blocks.of(as_column(errors[chosen] + shift), as_column(times_s[chosen]))

    found = bound_difference(blocks(first, 0.5), blocks(~first), alpha=ALPHA, tuned_for=TUNED_FOR)
    alone = bound_mean(blocks(first), alpha=ALPHA, tuned_for=TUNED_FOR)

    assert found.lower < 0.5 < found.upper
    assert found.lower < found.estimate == pytest.approx(0.5, abs=0.2)
    # The variance of single measurements holds the jams, too, and is never gone below.
    assert found.upper - found.lower < (alone.upper - alone.lower) / 2


def test_without_one_of_the_groups_nothing_is_known() -> None:
    nobody, somebody = sum_up(np.array([])), sum_up(np.random.default_rng(1).normal(size=500))

    for pair in ((nobody, somebody), (somebody, nobody), (nobody, nobody)):
        found = bound_difference(*pair, alpha=ALPHA, tuned_for=TUNED_FOR)
        assert (found.lower, found.upper) == (-math.inf, math.inf)
