"""Shadow and canary: what each stage looks like, which are entered, and whom the challenger is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from noriba.aws.routing import KNOWN_S
from noriba.records.ledger_entries import CHALLENGER_FEATURES, ROLLOUT
from noriba.records.rollout import ChallengerVerdict, RolloutPlan
from noriba.usecase import RolloutPolicy
from tests.infra.executions import EXECUTION_ID, answer_function
from tests.infra.rollout.rollouts import (
    CANARY,
    CHAMPION,
    CONFIGURATION,
    ENDPOINT,
    GOLDEN,
    MODEL,
    PLAN,
    SHADOW,
    describe,
    roll_out,
    say,
)

if TYPE_CHECKING:
    from noriba.records.rollout import RolloutStages


def test_in_the_shadow_the_champion_answers_and_the_challenger_gets_every_request_too(
    known_attempt: dict[str, Any],
) -> None:
    configured = roll_out(known_attempt).called("Configure shadow")
    [champion], [challenger] = configured["ProductionVariants"], configured["ShadowProductionVariants"]

    assert (champion["VariantName"], champion["ModelName"]) == ("v6", CHAMPION)
    assert (challenger["VariantName"], challenger["ModelName"]) == ("v7", MODEL)
    assert champion["InitialVariantWeight"] == challenger["InitialVariantWeight"]
    assert configured["DataCaptureConfig"]["InitialSamplingPercentage"] == 100


def test_what_the_challenger_learned_is_known_before_production_has_it(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)
    noted = execution.called("Note its features")

    assert noted["Key"] == {"use_case": {"S": "taxi_eta"}, "entry": {"S": ROLLOUT}}
    assert noted["UpdateExpression"] == f"SET #{CHALLENGER_FEATURES} = :{CHALLENGER_FEATURES}"
    assert noted["ConditionExpression"] == "execution = :mine"
    assert noted["ExpressionAttributeValues"] == {
        f":{CHALLENGER_FEATURES}": {"S": GOLDEN["feature_fingerprint"]},
        ":mine": {"S": EXECUTION_ID},
    }


@pytest.mark.parametrize(("said", "waits"), [({}, False), ({"features_declared": False}, True)])
def test_what_the_code_no_longer_declares_is_in_the_shadow_when_all_requests_bring_it(
    known_attempt: dict[str, Any], said: dict[str, bool], *, waits: bool
) -> None:
    execution = roll_out(known_attempt, check_golden_requests=answer_function(GOLDEN | said))

    assert ("Let requests bring its features" in execution.visited) is waits
    # A twentieth of it, as on the laptop cloud, is longer than anybody believes what it has read.
    assert known_attempt["States"]["Let requests bring its features"]["Seconds"] / 20 > KNOWN_S
    assert execution.visited[-1] == "Completed"


def test_whoever_judges_finds_in_the_ledger_whom_to_answer_and_by_which_rules(known_attempt: dict[str, Any]) -> None:
    waiting = roll_out(known_attempt).called("Await the verdict on shadow")
    values = {name.removeprefix(":"): value["S"] for name, value in waiting["ExpressionAttributeValues"].items()}

    assert waiting["Key"] == {"use_case": {"S": "taxi_eta"}, "entry": {"S": "rollout"}}
    assert waiting["ConditionExpression"] == "execution = :mine"
    assert values.pop("token")
    assert values.pop("since")
    assert RolloutPlan.model_validate_json(values.pop("plan")) == PLAN
    assert values == {
        "stage": "shadow",
        "endpoint": ENDPOINT,
        "champion": "v6",
        "challenger": "v7",
        "mine": EXECUTION_ID,
    }


def test_who_answers_apps_finds_in_the_ledger_how_requests_are_split(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)
    written = [
        (state.rpartition(" ")[2], given["ExpressionAttributeValues"].get(":percent"))
        for state, given in execution.calls
        if state.startswith("Await the verdict on")
    ]

    assert written == [("shadow", None), ("canary", {"N": "10"}), ("canary", {"N": "50"})]


def test_who_may_answer_stands_in_the_ledger_before_the_endpoint_has_both_models(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)
    states = [state for state, _given in execution.calls]
    written = execution.called("Say who may answer")
    values = written["ExpressionAttributeValues"]

    assert states.index("Say who may answer") < states.index("Update endpoint for canary")
    assert {values[f":{name}"]["S"] for name in ("stage", "champion", "challenger")} == {"canary", "v6", "v7"}
    # Subjects that are dealt before both are there would all count for the champion.
    assert values[":percent"] == {"N": "0"}
    # Of the shadow's token nobody waits any more; it must not be judged as a canary's.
    assert written["UpdateExpression"].endswith(" REMOVE #token")
    assert written["ConditionExpression"] == "execution = :mine"


def test_how_long_is_waited_the_plan_says(definition: dict[str, Any]) -> None:
    states = definition["States"]

    assert states["Await the verdict on shadow"]["TimeoutSecondsPath"] == "$.plan.shadow_s"
    assert states["Await the verdict on canary"]["TimeoutSecondsPath"] == "$.canary.step.bake_s"
    for stage in ("shadow", "canary"):
        assert states[f"Await the verdict on {stage}"]["Resource"].endswith(":updateItem.waitForTaskToken")


def test_the_canary_goes_up_step_by_step_without_new_instances(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)
    variants = execution.called("Configure canary")["ProductionVariants"]

    assert [(one["VariantName"], one["InitialVariantWeight"]) for one in variants] == [("v6", 90), ("v7", 10)]
    assert execution.called("Shift requests")["DesiredWeightsAndCapacities"] == [
        {"VariantName": "v6", "DesiredWeight": 50},
        {"VariantName": "v7", "DesiredWeight": 50},
    ]


def test_each_stage_has_its_row_with_its_verdict(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)
    rows = [call["Item"] for state, call in execution.calls if state.startswith("Record ") and "stage" in call["Item"]]
    verdicts = [call for state, call in execution.calls if state.startswith("Keep the verdict")]

    names = ["staging", "shadow", "canary-10", "canary-50", "production"]
    assert [row["entry"]["S"] for row in rows] == [f"rollout-step#execution#{name}" for name in names]
    assert [row.get("percent") for row in rows] == [None, None, {"N": "10"}, {"N": "50"}, None]
    assert [call["Key"]["entry"]["S"] for call in verdicts] == [f"rollout-step#execution#{n}" for n in names[1:4]]
    told = verdicts[0]["ExpressionAttributeValues"][":verdict"]["S"]
    assert ChallengerVerdict.model_validate_json(told) == ChallengerVerdict.model_validate(say("promote"))


@pytest.mark.parametrize("stages", ["canary", "direct"])
def test_stages_that_a_deployment_leaves_out_are_not_entered(
    known_attempt: dict[str, Any], stages: RolloutStages
) -> None:
    execution = roll_out(known_attempt, RolloutPlan.of(RolloutPolicy(), stages=stages))

    assert "Announce shadow" not in execution.visited
    assert ("Announce canary" in execution.visited) == (stages == "canary")
    assert execution.visited[-1] == "Completed"


def test_without_a_plan_it_goes_straight_to_production(known_attempt: dict[str, Any]) -> None:
    """As a way back does, which a person begins."""
    execution = roll_out(known_attempt, None)

    assert not {"Announce shadow", "Announce canary"} & set(execution.visited)
    assert execution.visited[-1] == "Completed"


def test_the_same_version_once_more_has_nothing_to_be_compared_with(known_attempt: dict[str, Any]) -> None:
    same = {**CONFIGURATION, "ProductionVariants": [{"VariantName": "v7", "ModelName": CHAMPION}]}
    execution = roll_out(known_attempt, read_its_configuration=same)

    assert not {"Announce shadow", "Announce canary"} & set(execution.visited)
    assert execution.visited[-1] == "Completed"


def test_a_change_that_sagemaker_took_back_is_not_compared(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, look_at_shadow=describe("InService"))

    assert "Await the verdict on shadow" not in execution.visited
    assert execution.failure is not None
    assert execution.failure.error == "EndpointFailed"


@pytest.mark.parametrize("left", [SHADOW, CANARY, f"{ENDPOINT}-v9-99999999"])
def test_what_a_stopped_rollout_left_half_way_is_the_champion_s_again_before_anything_is_compared(
    known_attempt: dict[str, Any], left: str
) -> None:
    execution = roll_out(
        known_attempt, read_its_configuration=[{**CONFIGURATION, "EndpointConfigName": left}, CONFIGURATION]
    )

    assert execution.called("Give production back first") == {
        "EndpointName": ENDPOINT,
        "EndpointConfigName": CHAMPION,
    }
    assert execution.visited[-1] == "Completed"


def test_a_production_that_does_not_take_its_champion_back_is_tried_twenty_times(known_attempt: dict[str, Any]) -> None:
    """SageMaker may accept the update and take it back, each time."""
    left = {**CONFIGURATION, "EndpointConfigName": CANARY}
    execution = roll_out(known_attempt, read_its_configuration=left)

    assert execution.visited.count("Give production back first") == 20
    assert execution.failure is not None
    assert execution.failure.error == "ProductionHalfWayError"
    assert CANARY in execution.failure.cause
    assert CHAMPION in execution.failure.cause
    assert execution.published[-1][1] == "RolledBack"
    assert not {"Announce shadow", "Announce production"} & set(execution.visited)


@pytest.mark.parametrize("known", [{}, {"Item": {"model_package_arn": {"S": "arn"}}}])
def test_where_the_ledger_does_not_know_what_serves_what_serves_is_the_champion(
    known_attempt: dict[str, Any], known: dict[str, Any]
) -> None:
    execution = roll_out(known_attempt, who_is_the_champion=known)

    assert "Give production back first" not in execution.visited
    assert execution.visited[-1] == "Completed"


def test_what_somebody_configured_by_hand_is_compared_with_as_it_is(known_attempt: dict[str, Any]) -> None:
    by_hand = {**CONFIGURATION, "EndpointConfigName": "made-by-hand"}
    execution = roll_out(known_attempt, read_its_configuration=by_hand)

    assert "Give production back first" not in execution.visited
    assert execution.visited[-1] == "Completed"


def test_a_production_that_has_failed_is_told_with_the_remedy(known_attempt: dict[str, Any]) -> None:
    """SageMaker lets nobody do anything with it but delete it."""
    execution = roll_out(known_attempt, is_there_a_champion=describe("Failed"))

    assert execution.failure is not None
    assert execution.failure.error == "ProductionFailedError"
    assert "delete-endpoint" in execution.failure.cause
    assert "Restore the champion" not in execution.visited
