"""What a rollout is told: by outcomes, by health, and when its time is up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.records.rollout import RolloutPlan
from noriba.rollout.judgement import judge
from noriba.rollout.pairing import DIFFERENCE, PEOPLE, Tally
from noriba.usecase import ComparisonPolicy, RolloutPolicy

if TYPE_CHECKING:
    from noriba.records.rollout import ChallengerVerdict

PLAN = RolloutPlan.of(RolloutPolicy(min_shadow_hours=24), stages="full")
BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
MAE = 200.0


def make_tally(n: int, *, shift: float, hours: float = 30, paired: bool = True, night: float | None = None) -> Tally:
    """A count of n outcomes, on which the challenger's error is larger by `shift` on average."""
    rng = np.random.default_rng(7)
    tally = Tally(since=BEGAN, paired=paired)
    series = {"champion": rng.normal(MAE, 30, n)}
    series["challenger"] = series["champion"] + shift + rng.normal(0, 20, n)
    if paired:
        series[DIFFERENCE] = series["challenger"] - series["champion"]
    if night is not None:
        series[f"{DIFFERENCE}|part of day: night"] = rng.normal(night, 20, n // 2)
    for name, values in series.items():
        sums: dict[float, tuple[float, float, float]] = {}
        for value, at_s in zip(values, np.linspace(0, hours * 3600 - 1, len(values)), strict=True):
            block = at_s // 900 * 900
            count, total, squares = sums.get(block, (0.0, 0.0, 0.0))
            sums[block] = (count + 1, total + value, squares + value * value)
        tally.sums[name] = sums
    return tally


def decide(
    tally: Tally, *, fault: str | None = None, at_last: bool = False, plan: RolloutPlan = PLAN
) -> ChallengerVerdict:
    return judge(tally, plan, fault=fault, at_last=at_last)


@pytest.mark.parametrize(("shift", "decision"), [(-20.0, "promote"), (20.0, "reject"), (0.0, "continue")])
def test_in_the_shadow_a_clear_answer_ends_the_wait_either_way(shift: float, decision: str) -> None:
    verdict = decide(make_tally(2_000, shift=shift))

    assert verdict.decision == decision
    assert verdict.outcomes == 2_000
    assert verdict.lower is not None and verdict.upper is not None  # noqa: PT018  # it was bounded
    assert verdict.lower < verdict.upper


def test_a_better_challenger_waits_for_the_night_and_a_worse_one_does_not() -> None:
    by_day, worse = (decide(make_tally(2_000, shift=shift, hours=10)) for shift in (-20.0, 20.0))

    assert by_day.decision == "continue"
    assert by_day.reason.endswith("but outcomes span 10.0 of 24.0 hours")
    assert worse.decision == "reject"


def test_one_that_is_worse_at_night_alone_is_rejected() -> None:
    verdict = decide(make_tally(2_000, shift=-20.0, night=40.0))

    assert verdict.decision == "reject"
    assert verdict.reason.startswith("in part of day: night, its error is larger by ")


@pytest.mark.parametrize("policy", ["promote", "reject"])
def test_when_the_shadow_s_time_is_up_the_plan_decides(policy: str) -> None:
    plan = PLAN.model_copy(update={"when_inconclusive": policy})
    verdict = decide(make_tally(3, shift=0.0), plan=plan, at_last=True)

    assert verdict.decision == policy
    assert verdict.reason == "its time is up without a clear answer: 3 outcomes; at least 500 are needed"


@pytest.mark.parametrize(
    ("n", "hours", "shift", "decision"),
    [
        pytest.param(2_000, 72.0, -0.5, "promote", id="closer"),
        pytest.param(2_000, 72.0, 0.5, "reject", id="farther"),
        pytest.param(400, 72.0, -0.5, "reject", id="on too few outcomes"),
        pytest.param(2_000, 10.0, -0.5, "reject", id="without a night"),
        pytest.param(0, 72.0, 0.0, "reject", id="on none"),
    ],
)
def test_the_lower_error_may_decide_when_there_is_no_clear_answer(
    n: int, hours: float, shift: float, decision: str
) -> None:
    plan = PLAN.model_copy(update={"when_inconclusive": "lower_error"})
    tally = make_tally(n, shift=shift, hours=hours) if n else Tally(since=BEGAN, paired=True)

    assert decide(tally, plan=plan).decision == "continue"
    verdict = decide(tally, plan=plan, at_last=True)

    assert verdict.decision == decision
    assert verdict.reason.startswith("its time is up without a clear answer: ")


def test_no_lower_error_outweighs_a_slice_that_is_worse() -> None:
    plan = PLAN.model_copy(update={"when_inconclusive": "lower_error"})

    verdict = decide(make_tally(2_000, shift=-0.5, night=40.0), plan=plan, at_last=True)

    assert (verdict.decision, verdict.reason.split(",")[0]) == ("reject", "in part of day: night")


def test_without_any_outcome_there_is_a_verdict_too() -> None:
    verdict = decide(Tally(since=BEGAN, paired=True), at_last=True)

    assert (verdict.decision, verdict.outcomes, verdict.estimate) == ("reject", 0, None)


def test_in_the_canary_time_must_pass_and_a_worse_one_goes_at_once() -> None:
    good, worse = make_tally(4_000, shift=-20.0, paired=False), make_tally(4_000, shift=40.0, paired=False)

    assert decide(good).decision == "continue"
    assert decide(good, at_last=True).decision == "promote"
    assert decide(worse).decision == "reject"


def test_each_step_of_a_canary_has_its_part_of_alpha() -> None:
    assert len(PLAN.canary) == 2
    one_step = PLAN.model_copy(update={"canary": PLAN.canary[:1]})
    halved = one_step.model_copy(update={"comparison": ComparisonPolicy(alpha=PLAN.comparison.alpha / 2)})
    whole, half, part = (
        decide(make_tally(4_000, shift=0.0, paired=False), plan=plan) for plan in (one_step, halved, PLAN)
    )

    assert part.upper == half.upper
    assert part.upper > whole.upper  # type: ignore[operator]  # all are bounded


@pytest.mark.parametrize("asked", [0, 1, 19])
def test_a_canary_that_was_asked_too_little_shows_nothing_of_health(asked: int) -> None:
    good = make_tally(4_000, shift=-20.0, paired=False)
    too_little, enough = (judge(good, PLAN, fault=None, at_last=True, asked=number) for number in (asked, 20))

    assert (too_little.decision, too_little.reason) == (
        "continue",
        f"it was asked {asked} times; at least 20 are needed",
    )
    assert enough.decision == "promote"


def test_an_experiment_ends_when_its_time_is_up_however_little_was_asked() -> None:
    verdict = judge(Tally(since=BEGAN, paired=False), EXPERIMENT, fault=None, at_last=True, asked=1)

    assert (verdict.decision, verdict.error) == ("reject", "ExperimentEnded")


def test_health_speaks_before_any_outcome() -> None:
    for paired in (True, False):
        verdict = decide(make_tally(3, shift=0.0, paired=paired), fault="it failed 9 of 90 requests")
        assert (verdict.decision, verdict.reason) == ("reject", "it failed 9 of 90 requests")


def test_an_answer_that_is_no_prediction_is_enough() -> None:
    tally = make_tally(2_000, shift=-20.0)
    tally.faulty, tally.fault = 2, "to prediction p: an answer is not a finite number"

    assert (
        decide(tally).reason == "2 of its answers are no predictions: to prediction p: an answer is not a finite number"
    )


def test_every_look_is_kept() -> None:
    tally = make_tally(2_000, shift=0.0)
    verdicts = [decide(tally), decide(tally)]

    assert [look.outcomes for look in tally.looks] == [2_000, 2_000]
    assert tally.looks[0].lower == verdicts[0].lower


# --- experiments ------------------------------------------------------------------------------------------------------

EXPERIMENT = RolloutPlan.of_experiment(RolloutPolicy(), percent=50, lasts_s=3600)


def test_an_experiment_goes_on_until_its_time_is_up_and_nobody_is_promoted() -> None:
    tally = make_tally(2_000, shift=-20.0, paired=False)

    assert decide(tally, plan=EXPERIMENT).decision == "continue"
    ended = decide(tally, plan=EXPERIMENT, at_last=True)
    assert (ended.decision, ended.error, ended.reason) == ("reject", "ExperimentEnded", "its time is up")


def test_an_experiment_with_a_model_that_does_harm_ends_before() -> None:
    verdict = decide(make_tally(4_000, shift=60.0, paired=False), plan=EXPERIMENT)

    assert (verdict.decision, verdict.error) == ("reject", "ChallengerRejectedError")


def test_two_equal_models_that_are_met_by_different_people_are_equal() -> None:
    """Some people's rides are always hard to foresee; in an experiment they stay on one side for weeks."""
    rng = np.random.default_rng(11)
    rejected, naive = 0, 0
    for _ in range(40):
        tally = Tally(since=BEGAN, paired=False)
        hard = np.exp(rng.normal(0, 0.8, 1_000))
        group = rng.integers(0, 1_000, 12_000)
        errors = MAE * hard[group] * np.abs(rng.normal(0, 1, len(group)))
        for number, (one, error) in enumerate(zip(group.tolist(), errors.tolist(), strict=True)):
            side = "challenger" if one < 100 else "champion"
            tally._add(side, number * 60.0 // 900 * 900, error)
            tally._add(f"{side}{PEOPLE}", float(one), error)
        rejected += decide(tally, plan=EXPERIMENT).decision == "reject"
        for side in ("challenger", "champion"):
            del tally.sums[f"{side}{PEOPLE}"]
        naive += decide(tally, plan=EXPERIMENT).decision == "reject"

    assert rejected == 0
    assert naive > 0


@pytest.mark.parametrize(
    ("groups", "share"),
    [pytest.param(1, 0.001, id="one person"), pytest.param(12, 0.9, id="few"), pytest.param(400, 0.2, id="a minority")],
)
def test_a_few_known_people_hide_no_slice_and_no_error(groups: int, share: float) -> None:
    tally = make_tally(4_000, shift=0.0, paired=False)
    night = make_tally(2_000, shift=90.0, paired=False)
    for side in ("challenger", "champion"):
        tally.sums[f"{side}|part of day: night"] = night.sums[side]
        known = round(4_000 * share / groups)
        tally.sums[f"{side}{PEOPLE}"] = {float(g): (known, known * MAE, known * MAE**2) for g in range(groups)}

    verdict = decide(tally)

    assert verdict.decision == "reject"
    assert verdict.reason.startswith("in part of day: night, its error is larger by ")
