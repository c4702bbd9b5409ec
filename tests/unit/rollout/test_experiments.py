"""Effects between two groups of people: as wide as they must be, for people ask more than once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from noriba.rollout.assignment import GROUPS, belongs_to_challenger
from noriba.rollout.confidence import Blocks, bound_people, find_margin
from noriba.rollout.experiments import Measured, check_split, measure_effect

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_S = 86_400.0
TASTE, NOISE = 2.0, 1.0


def make_groups(rng: np.random.Generator, people: int, requests: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who asked, and their groups; a few ask very often."""
    weights = rng.pareto(1.5, people) + 1
    asked = rng.choice(people, requests, p=weights / weights.sum())
    return asked, rng.integers(0, GROUPS, people)[asked]


def is_challenger(groups: NDArray[np.int64], percent: int) -> NDArray[np.bool_]:
    return np.array([belongs_to_challenger(int(group), percent=percent) for group in groups])


def simulate(rng: np.random.Generator, *, people: int = 400, requests: int = 3_000, effect: float = 0.0) -> Measured:
    """Each person has a taste of their own, for the whole experiment."""
    asked, groups = make_groups(rng, people, requests)
    challenger = is_challenger(groups, 50)
    taste = rng.normal(0, TASTE, people)
    values = taste[asked] + rng.normal(0, NOISE, requests) + effect * challenger
    return Measured(values, np.sort(rng.uniform(0, 2 * DAY_S, requests)), groups, challenger)


def test_with_one_request_a_person_the_error_is_that_of_a_welch_test() -> None:
    rng = np.random.default_rng(1)
    groups = rng.permutation(GROUPS)
    challenger = is_challenger(groups, 30)
    values = np.where(challenger, rng.normal(5, 3, GROUPS), rng.normal(4, 1, GROUPS))
    times_s = rng.uniform(0, 20 * DAY_S, GROUPS)

    found = measure_effect(Measured(values, times_s, groups, challenger), alpha=0.05, tuned_for=GROUPS)

    welch = stats.ttest_ind(values[challenger], values[~challenger], equal_var=False)
    assert found.difference.estimate == pytest.approx(values[challenger].mean() - values[~challenger].mean())
    error = welch._standard_error  # scipy tells it nowhere else
    margin = find_margin(GROUPS, alpha=0.05, tuned_for=GROUPS) * math.sqrt(GROUPS) * error
    # Blocks of time, which say the same here, may be wider by accident.
    assert 0.99 * margin <= found.difference.upper - found.difference.estimate <= 1.3 * margin
    sides = [Blocks.of(values[side], groups[side].astype(float), block_s=1) for side in (challenger, ~challenger)]
    alone = bound_people(*sides, alpha=0.05, tuned_for=GROUPS)
    # Both take k - 1 for the mean that a side has lost.
    assert alone.upper - alone.estimate == pytest.approx(margin, rel=1e-9)


def test_looking_again_and_again_at_two_equal_models_finds_nothing() -> None:
    """Forty looks each, and every person asks again and again; a test of single requests finds a difference often."""
    rng = np.random.default_rng(2)
    ours, naive = 0, 0
    for _ in range(150):
        measured = simulate(rng)
        looks = [measured.first(n) for n in range(400, 3_001, 200)]
        bounds = [measure_effect(look, alpha=0.05, tuned_for=2_000).difference for look in looks]
        ours += any(not one.lower <= 0 <= one.upper for one in bounds)
        naive += any(
            stats.ttest_ind(look.values[look.challenger], look.values[~look.challenger]).pvalue < 0.05 for look in looks
        )

    assert ours <= 150 * 0.05
    assert naive > 150 * 0.4, "people of one taste would be counted as so many people"


@pytest.mark.parametrize(("people", "percent"), [(60, 50), (200, 10), (2_000, 2)])
def test_a_few_people_on_one_side_say_nothing_rather_than_too_much(people: int, percent: int) -> None:
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(100):
        asked, groups = make_groups(rng, people, 1_500)
        challenger = is_challenger(groups, percent)
        values = rng.normal(0, TASTE, people)[asked] + rng.normal(0, NOISE, 1_500)
        measured = Measured(values, np.sort(rng.uniform(0, 2 * DAY_S, 1_500)), groups, challenger)
        bounds = measure_effect(measured, alpha=0.05, tuned_for=2_000).difference
        wrong += not bounds.lower <= 0 <= bounds.upper

    assert wrong <= 5


def test_an_effect_that_is_there_is_found() -> None:
    rng = np.random.default_rng(3)

    found = measure_effect(simulate(rng, people=4_000, requests=20_000, effect=1.0), alpha=0.05, tuned_for=20_000)

    assert 0 < found.difference.lower < 1.0 < found.difference.upper
    assert found.challenger - found.champion == pytest.approx(found.difference.estimate)


def test_rides_of_one_hour_are_alike_too() -> None:
    """A storm that meets one group's hours by chance: groups say nothing of it, blocks of time do."""
    rng = np.random.default_rng(4)
    n = 2_000
    groups = rng.permutation(np.arange(n) % GROUPS)
    times_s = np.repeat(np.arange(20) * 900.0, n // 20)
    # Each block has one side only: as if two models had been tried by turns.
    challenger = np.repeat(np.arange(20) % 2 == 0, n // 20)
    values = np.repeat(rng.normal(0, 5, 20), n // 20) + rng.normal(0, 1, n)

    found = measure_effect(Measured(values, times_s, groups, challenger), alpha=0.05, tuned_for=n)

    assert found.difference.lower < 0 < found.difference.upper


@pytest.mark.parametrize("side", [True, False])
def test_where_one_side_has_nothing_there_is_no_effect(side: bool) -> None:
    n = 50
    ones = np.ones(n)
    groups = np.arange(n)

    found = measure_effect(Measured(ones, ones, groups, np.full(n, side)), alpha=0.05, tuned_for=n)

    assert math.isnan(found.difference.estimate)
    assert (found.difference.lower, found.difference.upper) == (-math.inf, math.inf)
    assert math.isnan(found.champion if side else found.challenger)


def test_a_split_that_is_as_it_should_be_is_not_called_uneven() -> None:
    """However unevenly people ask; a binomial test of requests cries wolf."""
    rng = np.random.default_rng(5)
    ours, naive = 0, 0
    for _ in range(300):
        _asked, groups = make_groups(rng, 3_000, 10_000)
        challenger = is_challenger(groups, 20)
        ours += check_split(groups, challenger, percent=20).uneven is not False
        naive += stats.binomtest(int(challenger.sum()), len(groups), 0.2).pvalue < 0.01

    assert ours <= 300 * 0.01
    assert naive > 300 * 0.1


def test_requests_that_were_answered_by_the_other_model_are_noticed() -> None:
    rng = np.random.default_rng(6)
    _asked, groups = make_groups(rng, 20_000, 60_000)
    challenger = is_challenger(groups, 50)
    # A fifth of the challenger's answers failed, and the champion answered instead.
    rescued = challenger & (rng.random(len(groups)) > 0.2)

    assert check_split(groups, challenger, percent=50).uneven is False
    found = check_split(groups, rescued, percent=50)
    assert found.uneven is True
    assert found.share.estimate == pytest.approx(0.4, abs=0.02)
    assert found.share.upper < 0.5


@pytest.mark.parametrize("groups", [[], [1, 2, 3], list(range(50))])
def test_of_a_few_subjects_nobody_can_say_whether_their_split_is_even(groups: list[int]) -> None:
    found = check_split(np.array(groups, dtype=np.int64), np.ones(len(groups), dtype=bool), percent=50)

    assert found.uneven is None
