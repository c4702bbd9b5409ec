"""Promote, reject or go on."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from noriba.features import as_column
from noriba.rollout.confidence import Blocks
from noriba.rollout.decision import ComparisonResult, Verdict, compare_groups, compare_paired
from noriba.usecase import ComparisonPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

Slices: TypeAlias = "Mapping[str, Blocks]"
POLICY = ComparisonPolicy()
MAE = 200.0


def draw(n: int, *, shift: float, spread: float = 40.0, seed: int = 1) -> Blocks:
    """Paired differences whose mean is exactly the shift, over a week."""
    random = np.random.default_rng(seed)
    noise = random.normal(0.0, spread, n)
    times_s = np.sort(random.uniform(0.0, 7 * 86_400.0, n))
    return Blocks.of(as_column(noise - noise.mean() + shift if n else noise), as_column(times_s))


def compare(
    n: int, *, shift: float, policy: ComparisonPolicy = POLICY, slices: Slices = MappingProxyType({})
) -> ComparisonResult:
    return compare_paired(draw(n, shift=shift), slices, champion_mae=MAE, policy=policy)


@pytest.mark.parametrize(
    ("shift", "verdict"), [(-12.0, Verdict.PROMOTE), (12.0, Verdict.REJECT), (0.0, Verdict.CONTINUE)]
)
def test_better_is_promoted_worse_is_rejected_and_equal_goes_on(shift: float, verdict: Verdict) -> None:
    assert compare(5_000, shift=shift).verdict is verdict


def test_few_outcomes_decide_nothing_however_clear_they_are() -> None:
    found = compare(POLICY.min_outcomes - 1, shift=-190.0)

    assert found.verdict is Verdict.CONTINUE
    assert found.reason == "499 outcomes; at least 500 are needed"
    assert compare(POLICY.min_outcomes, shift=-190.0).verdict is Verdict.PROMOTE


def test_nothing_at_all_decides_nothing() -> None:
    assert compare(0, shift=0.0).verdict is Verdict.CONTINUE


@pytest.mark.parametrize(
    ("margin", "shift", "verdict"),
    [
        # Good enough: not worse by more than 5 %.
        (0.05, 0.0, Verdict.PROMOTE),
        (0.05, 3.0, Verdict.PROMOTE),
        (0.05, 20.0, Verdict.REJECT),
        # It must be better by 5 %: a little better is not enough, and there is no use in waiting.
        (-0.05, -30.0, Verdict.PROMOTE),
        (-0.05, 0.0, Verdict.REJECT),
        (-0.05, -10.0, Verdict.CONTINUE),
    ],
)
def test_the_margin_says_what_is_good_enough(margin: float, shift: float, verdict: Verdict) -> None:
    policy = ComparisonPolicy(margin=margin)

    assert compare(5_000, shift=shift, policy=policy).verdict is verdict


def test_a_challenger_that_is_worse_at_night_is_rejected_however_good_it_is_by_day() -> None:
    night, day = draw(2_000, shift=40.0, seed=2), draw(3_000, shift=-30.0, seed=3)

    found = compare(5_000, shift=-12.0, slices={"night": night, "day": day})

    assert found.verdict is Verdict.REJECT
    assert found.reason.startswith("in night, its error is larger by ")
    assert found.slices["night"].lower > POLICY.slice_margin * MAE


def test_a_slice_may_be_a_little_worse_and_a_small_one_is_not_looked_at() -> None:
    a_little = draw(2_000, shift=8.0, seed=2)
    small = draw(POLICY.min_slice_outcomes - 1, shift=100.0, seed=3)

    found = compare(5_000, shift=-12.0, slices={"night": a_little, "island": small})

    assert found.verdict is Verdict.PROMOTE
    assert found.slices.keys() == {"night"}


def test_the_more_slices_are_looked_at_the_surer_one_must_be_of_each() -> None:
    night = draw(2_000, shift=40.0, seed=2)
    alone = compare(5_000, shift=0.0, slices={"night": night})
    zones = {f"zone {i}": draw(0, shift=0.0) for i in range(99)}
    among = compare(5_000, shift=0.0, slices={"night": night, **zones})

    assert among.slices["night"].lower < alone.slices["night"].lower
    assert among.whole == alone.whole


@pytest.mark.parametrize(
    ("shift", "verdict"), [(-60.0, Verdict.PROMOTE), (60.0, Verdict.REJECT), (0.0, Verdict.CONTINUE)]
)
def test_two_groups_are_compared_by_their_errors(shift: float, verdict: Verdict) -> None:
    challenger, champion = draw(2_000, shift=MAE + shift, spread=150.0), draw(8_000, shift=MAE, spread=150.0, seed=2)

    found = compare_groups(challenger, champion, {"all": (challenger, champion)}, policy=POLICY)

    assert found.verdict is verdict
    assert found.whole.estimate == pytest.approx(shift)
    assert found.whole.n == 10_000


@pytest.mark.parametrize(("shift", "said"), [(-60.0, "smaller by "), (60.0, "larger by "), (0.0, "between ")])
def test_the_reason_says_it_without_a_minus_sign(shift: float, said: str) -> None:
    reason = compare(2_000, shift=shift).reason

    assert reason.startswith(f"the challenger's error is {said}")
    assert reason.endswith(f"; the champion's is {MAE:.3g} on the whole")
    assert "-" not in reason


@pytest.mark.parametrize(("scale", "said"), [(1e4, "larger by 9"), (1.0, "larger by "), (1e-6, "larger by 0.0000")])
def test_the_reason_has_the_unit_and_no_power_of_ten(scale: float, said: str) -> None:
    differences = draw(2_000, shift=1.0 * scale, spread=0.1 * scale)

    reason = compare_paired(differences, {}, champion_mae=2.5 * scale, policy=POLICY, unit="kWh").reason

    assert said in reason
    assert reason.count(" kWh") == 2
    assert not re.search(r"\de[-+]\d", reason)
