"""A challenger beside the champion: compared on real outcomes before it takes over, or goes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from laptop.replay import replay
from noriba.client import abort_rollout, pause_rollout, promote_challenger, read_rollout_status
from noriba.records.names import name_endpoint
from noriba.records.rollout import RolloutPlan
from noriba.usecase import CanaryStep, ComparisonPolicy, RolloutPolicy
from usecases.taxi_eta.simulator import observe, simulate

if TYPE_CHECKING:
    from laptop.recorder import BusRecorder
    from noriba.aws.executions import Execution
    from noriba.aws.registry import ModelPackage
    from noriba.client import RolloutStatus
    from noriba.records.rollout import RolloutStep
    from noriba.usecase import Observation
    from tests.laptop.loop.conftest import Caller, Loop

ENDPOINT = name_endpoint("taxi_eta", prefix="noriba")
OUTCOMES = 240


def make_plan(*, margin: float, shadow_hours: float = 10, min_shadow_hours: float = 24) -> RolloutPlan:
    """A plan that is content with few outcomes. On the laptop cloud, an hour is three minutes."""
    # A busy shadow drops copies: fewer pairs come than requests were sent.
    few = ComparisonPolicy(margin=margin, min_outcomes=120, min_slice_outcomes=10_000, tuned_for=200)
    policy = RolloutPolicy(
        min_shadow_hours=min_shadow_hours,
        # Long enough for twenty requests to the challenger.
        canary=(CanaryStep(percent=20, minutes=5), CanaryStep(percent=60, minutes=2)),
        comparison=few,
    )
    # Asked for by hand, as often as these tests like; an approval is rolled out once. Outcomes span more time than the
    # shadow lasts, for rides of a week are told at once.
    changes = {"asked_by": "person", "shadow_s": round(shadow_hours * 3600)}
    return RolloutPlan.of(policy, stages="full").model_copy(update=changes)


# Within half of the champion's error: any sound model is. And better by nine tenths of it: none is.
EASY, IMPOSSIBLE = make_plan(margin=0.5), make_plan(margin=-0.9)


@pytest.fixture(scope="module")
def observations() -> list[Observation]:
    """Rides of a week, as apps asked about them and as they went."""
    table = simulate(OUTCOMES + 200, seed=21, first_day=date(2026, 3, 9), days=7, fault_share=0.0)
    every = list(observe(table))
    # Over the whole week, not its first hours.
    return [every[index * len(every) // OUTCOMES] for index in range(OUTCOMES)]


@pytest.fixture(scope="module")
def approved(loop: Loop, champion: ModelPackage, challenger: ModelPackage) -> ModelPackage:
    """The challenger, approved; what an approval begins in this deployment has ended."""
    assert champion.version < challenger.version
    serve(loop, challenger)
    return challenger


def roll_out(loop: Loop, package: ModelPackage, plan: RolloutPlan) -> str:
    """Begin a rollout as an approval does, with a plan of its own; its execution."""
    given = {
        "use_case": "taxi_eta",
        "endpoint_name": ENDPOINT,
        "model_package_arn": package.arn,
        "version": package.version,
        "plan": plan.model_dump(mode="json"),
    }
    return loop.session.history("rollout").start(json.dumps(given))


def serve(loop: Loop, package: ModelPackage) -> None:
    """Have a version in production, alone."""
    champion = loop.session.ledger.read_champion()
    if champion is None or champion.model_package_arn != package.arn:
        loop.session.as_approver().approve(package.arn, note="to begin with")
        loop.eventually(lambda: _serves(loop, package), within_s=120)
        loop.eventually(lambda: loop.session.ledger.read_rollout() is None)


def _serves(loop: Loop, package: ModelPackage) -> bool:
    champion = loop.session.ledger.read_champion()
    return champion is not None and champion.model_package_arn == package.arn


def ask_and_report(loop: Loop, observations: list[Observation]) -> None:
    """Ask for predictions as apps do, and report what happened."""
    done = replay(loop.session, observations, requests_per_s=40)
    assert (done.asked, done.reported, done.failed) == (OUTCOMES, OUTCOMES, [])


def list_steps(loop: Loop, execution: str) -> list[RolloutStep]:
    return loop.session.ledger.list_steps(execution)


def await_stage(loop: Loop, execution: str, stage: str) -> None:
    """Until both models are asked and a verdict is waited for."""

    def look() -> bool:
        lock = loop.session.ledger.read_rollout()
        ours = lock is not None and lock.execution == execution
        return ours and lock.awaited is not None and lock.awaited.stage == stage  # type: ignore[union-attr]  # ours

    loop.eventually(look, within_s=90)


def await_end(loop: Loop, execution: str) -> Execution:
    history = loop.session.history("rollout")

    def look() -> Execution | None:
        found = history.look_up(execution)
        return found if found is not None and not found.is_running else None

    found: Execution = loop.eventually(look, within_s=120)
    return found


def describe(loop: Loop) -> dict[str, Any]:
    found: Any = loop.session.clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    return dict(found)


def check_alone(loop: Loop, package: ModelPackage) -> None:
    """The version serves alone, and nothing else is left."""

    def look() -> bool:
        found = describe(loop)
        names = [one["VariantName"] for one in found["ProductionVariants"]]
        settled = found["EndpointStatus"] == "InService" and "ShadowProductionVariants" not in found
        return settled and names == [f"v{package.version}"]

    loop.eventually(look)
    sagemaker = loop.session.clients.sagemaker
    loop.eventually(lambda: len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1)
    loop.eventually(lambda: len(sagemaker.list_models()["Models"]) == 1)


def test_a_challenger_goes_through_shadow_and_canary_into_production_without_one_failed_request(
    loop: Loop,
    bus: BusRecorder,
    champion: ModelPackage,
    approved: ModelPackage,
    observations: list[Observation],
    caller: Caller,
) -> None:
    serve(loop, champion)
    execution = roll_out(loop, approved, EASY)
    with caller:
        await_stage(loop, execution, "shadow")
        assert describe(loop)["ShadowProductionVariants"][0]["VariantName"] == f"v{approved.version}"
        ask_and_report(loop, observations)
        ended = await_end(loop, execution)
    assert ended.status == "SUCCEEDED", ended.cause

    steps = list_steps(loop, execution)
    assert [step.describe() for step in steps] == [
        "staging",
        "shadow",
        "canary, 20 % of the requests",
        "canary, 60 % of the requests",
        "production",
    ]
    verdict = steps[1].verdict
    assert verdict is not None
    assert verdict.decision == "promote"
    # As soon as the answer was clear.
    assert EASY.comparison.min_outcomes <= verdict.outcomes <= OUTCOMES
    assert verdict.lower is not None and verdict.upper is not None  # noqa: PT018  # one thing: it was bounded
    assert verdict.lower < verdict.estimate < verdict.upper  # type: ignore[operator]  # not None either, then
    assert [(one["stage"], one.get("percent")) for one in bus.find("RolloutAdvanced", model_package_arn=approved.arn)][
        -5:
    ] == [("staging", None), ("shadow", None), ("canary", 20), ("canary", 60), ("production", None)]
    told = bus.find("ChallengerJudged", model_package_arn=approved.arn)
    assert [one["decision"] for one in told[-3:]] == ["promote"] * 3
    assert {status for status, _version in caller.answers} == {200}
    # In the shadow nobody hears the challenger; in the canary some do.
    assert {version for _status, version in caller.answers} == {champion.version, approved.version}
    check_alone(loop, approved)


def test_a_challenger_that_is_not_good_enough_goes_and_the_champion_serves_on(
    loop: Loop, bus: BusRecorder, champion: ModelPackage, approved: ModelPackage, observations: list[Observation]
) -> None:
    serve(loop, champion)
    execution = roll_out(loop, approved, IMPOSSIBLE)
    await_stage(loop, execution, "shadow")
    status: RolloutStatus = read_rollout_status(loop.session)
    assert (status.champion, status.challenger) == (champion.version, approved.version)
    ask_and_report(loop, observations)
    ended = await_end(loop, execution)

    assert (ended.status, ended.error) == ("FAILED", "ChallengerRejectedError")
    assert str(ended.cause).startswith("the challenger's error is ")
    assert bus.find("RolledBack", error="ChallengerRejectedError")
    check_alone(loop, champion)


def test_a_rollout_that_is_stopped_in_the_shadow_leaves_production_to_the_champion(
    loop: Loop, champion: ModelPackage, approved: ModelPackage
) -> None:
    serve(loop, champion)
    execution = roll_out(loop, approved, EASY)
    await_stage(loop, execution, "shadow")

    loop.session.clients.stepfunctions.stop_execution(executionArn=execution)

    check_alone(loop, champion)


def test_a_newer_approval_takes_the_place_and_outcomes_that_never_come_end_its_shadow_all_the_same(
    loop: Loop, bus: BusRecorder, champion: ModelPackage, approved: ModelPackage
) -> None:
    serve(loop, champion)
    older = roll_out(loop, approved, EASY)
    await_stage(loop, older, "shadow")
    newer = roll_out(loop, approved, make_plan(margin=0.5, shadow_hours=0.02))

    assert await_end(loop, older).error == "RolloutSupersededError"
    assert bus.find("RolledBack", error="RolloutSupersededError")
    ended = await_end(loop, newer)
    assert ended.error == "ChallengerRejectedError"
    assert "its time is up without a clear answer: 0 outcomes; at least 120 are needed" in str(ended.cause)
    check_alone(loop, champion)


def test_a_person_pauses_promotes_and_aborts(loop: Loop, champion: ModelPackage, approved: ModelPackage) -> None:
    serve(loop, champion)
    execution = roll_out(loop, approved, EASY)
    await_stage(loop, execution, "shadow")
    pause_rollout(loop.session, paused=True)
    shown = loop.run("noriba", "rollout", "status")
    assert "It is paused" in shown.stdout, shown.stderr
    assert f"Version {approved.version} is compared with version {champion.version}." in shown.stdout
    pause_rollout(loop.session, paused=False)

    promote_challenger(loop.session, reason="seen enough")
    await_stage(loop, execution, "canary")
    assert {one["VariantName"]: one["CurrentWeight"] for one in describe(loop)["ProductionVariants"]} == {
        f"v{champion.version}": 80,
        f"v{approved.version}": 20,
    }
    assert abort_rollout(loop.session, reason="second thoughts") is True

    ended = await_end(loop, execution)
    assert (ended.error, str(ended.cause).endswith(": second thoughts")) == ("RolloutAbortedError", True)
    shadow = list_steps(loop, execution)[1]
    assert shadow.verdict is not None
    assert shadow.verdict.reason.endswith(": seen enough")
    assert datetime.now(UTC) > shadow.began_at
    check_alone(loop, champion)
