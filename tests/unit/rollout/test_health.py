"""A challenger that fails or dawdles is seen at once, and one that does not is left alone."""

from __future__ import annotations

import pytest

from noriba.records.rollout import RolloutPlan
from noriba.rollout.health import VariantHealth, find_fault
from noriba.usecase import RolloutPolicy

PLAN = RolloutPlan.of(RolloutPolicy(min_shadow_hours=24), stages="full")
FINE = VariantHealth(1_000, 1, 9.0)


@pytest.mark.parametrize(
    ("challenger", "fault"),
    [
        (VariantHealth(100, 9, 9.0), "it failed 9 of 100 requests (9.0%), the champion 1 of 1000"),
        (VariantHealth(100, 1, 9.0), None),
        # Too few to say anything: one of the first requests, or some slow first answers.
        (VariantHealth(20, 4, None), None),
        (VariantHealth(99, 0, 45.0), None),
        # One that never answered is seen sooner, and so is one that is far too slow.
        (VariantHealth(2, 2, None), None),
        (VariantHealth(3, 3, None), "it failed 3 of 3 requests (100.0%), the champion 1 of 1000"),
        (VariantHealth(19, 0, 900.0), None),
        (VariantHealth(20, 0, 900.0), "it takes 900 ms on average, the champion 9 ms; allowed are 500 ms"),
        (VariantHealth(100, 0, 45.0), "it takes 45 ms on average, the champion 9 ms; allowed are 27 ms"),
        (VariantHealth(100, 0, 26.0), None),
        (VariantHealth(100, 0, None), None),
    ],
)
def test_what_speaks_against_a_challenger_at_once(challenger: VariantHealth, fault: str | None) -> None:
    assert find_fault(challenger, FINE, PLAN) == fault


def test_below_what_anybody_notices_nothing_is_slow() -> None:
    assert find_fault(VariantHealth(100, 0, 19.0), VariantHealth(100, 0, 1.0), PLAN) is None
    assert find_fault(VariantHealth(100, 0, 21.0), VariantHealth(100, 0, 1.0), PLAN) is not None


def test_where_the_champion_fails_too_the_challenger_may() -> None:
    assert find_fault(VariantHealth(100, 9, 9.0), VariantHealth(100, 9, 9.0), PLAN) is None


def test_slower_is_who_takes_longer_than_the_other_by_more_than_anybody_notices() -> None:
    assert VariantHealth(100, 0, 30.0).is_slower(FINE)
    assert not VariantHealth(100, 0, 29.0).is_slower(FINE)
    assert not FINE.is_slower(VariantHealth(100, 0, 900.0))
    # Who never answered has no time; who did is slower than nobody's.
    assert not VariantHealth(3, 3, None).is_slower(FINE)
    assert FINE.is_slower(VariantHealth(3, 3, None))
