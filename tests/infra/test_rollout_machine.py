"""ROLLOUT: staging, golden requests, production; and at each step, what happens when it fails."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from functions.check_golden_requests.handler import GoldenRequestsFailedError
from noriba.aws.endpoints import ModelUnavailableError
from noriba.events import ChallengerJudged, RolledBack, RolloutAdvanced, RolloutCompleted
from noriba.records.names import STAGING_FORMAT, VARIANT_FORMAT
from noriba.records.rollout import ChallengerVerdict, RolloutPlan
from noriba.usecase import RolloutPolicy
from tests.infra.executions import (
    EXECUTION_ID,
    LATE,
    Answers,
    Execution,
    Failure,
    answer_function,
    list_tasks,
    run_machine,
)
from tests.infra.test_machines import follow

if TYPE_CHECKING:
    from noriba.events import Event
    from noriba.records.rollout import RolloutStages
    from tests.infra.assembly import Assembly

PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/noriba-taxi-eta/7"
ENDPOINT = "noriba-taxi-eta"
MODEL_URI = "s3://models/taxi_eta/training/j/output/model.tar.gz"
GIVEN = {"use_case": "taxi_eta", "endpoint_name": ENDPOINT, "model_package_arn": PACKAGE, "version": 7}
PLAN = RolloutPlan.of(RolloutPolicy(), stages="full")
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/images:1"
REGISTERED = {"Item": {"image_uri": {"S": IMAGE}, "model_data_uri": {"S": MODEL_URI}, "sha256": {"S": "5ea1"}}}
APPROVED = {
    "ModelApprovalStatus": "Approved",
    "LastModifiedTime": "2026-11-21T10:00:00Z",
    "InferenceSpecification": {"Containers": [{"ModelDataUrl": MODEL_URI, "Image": IMAGE}]},
}
# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html: the cause is the SDK's message
MISSING = Failure(
    "SageMaker.SageMakerException", 'Could not find endpoint "arn:…". (Service: SageMaker, Status Code: 400)'
)
THROTTLED = Failure("SageMaker.SageMakerException", "Rate exceeded (Service: SageMaker, Status Code: 400)")
RELEASED = {"Release the lock", "Release the lock after failure", "Let go"}


CHAMPION = f"{ENDPOINT}-v6-000000ff"
CONFIGURATION = {
    "EndpointConfigName": CHAMPION,
    "ProductionVariants": [{"VariantName": "v6", "ModelName": CHAMPION}],
}


def say(decision: str, reason: str = "because") -> dict[str, Any]:
    """What the judge answers."""
    error = "ChallengerRejectedError" if decision == "reject" else None
    numbers = {"outcomes": 900, "estimate": -3.0, "lower": -6.0, "upper": -1.0}
    return {"decision": decision, "error": error, "reason": reason, **numbers}


def describe(status: str, config: str = CHAMPION) -> dict[str, Any]:
    said = {"EndpointName": "endpoint-x", "EndpointStatus": status, "EndpointConfigName": config}
    return {**said, "FailureReason": "no capacity"}


@pytest.fixture(scope="session")
def definition(assembly: Assembly) -> dict[str, Any]:
    return assembly.machine("RolloutMachine")


@pytest.fixture
def known_attempt(definition: dict[str, Any]) -> dict[str, Any]:
    """The machine with an attempt whose name a test can foresee; production answers with the model's own name."""
    name = definition["States"]["Name"]
    parameters = {key: value for key, value in name["Parameters"].items() if key != "attempt.$"}
    named = {**name, "Parameters": {**parameters, "attempt": "a1b2c3"}}
    return {**definition, "States": {**definition["States"], "Name": named}}


MODEL = f"{ENDPOINT}-v7-a1b2c3"
STAGING = f"{ENDPOINT}-staging-a1b2c3"
SHADOW = f"{ENDPOINT}-shadow-a1b2c3"
CANARY = f"{ENDPOINT}-canary-a1b2c3"


def roll_out(definition: dict[str, Any], plan: RolloutPlan | None = PLAN, /, **answers: Any) -> Execution:
    """A rollout to an endpoint that is there, in which all goes well but for what is said."""
    given = GIVEN if plan is None else {**GIVEN, "plan": plan.model_dump(mode="json")}
    said: dict[str, Answers] = {
        "Read package": APPROVED,
        "Read registration": REGISTERED,
        "Look at staging": describe("InService"),
        "Is staging still there?": describe("InService"),
        "Check golden requests": answer_function({"checked": 3}),
        "Is there a champion?": describe("InService"),
        "Look at the champion": describe("InService"),
        "Read its configuration": CONFIGURATION,
        "Who is the champion?": {"Item": {"endpoint_config": {"S": CHAMPION}}},
        "Look at the approval again": APPROVED,
        "Look at shadow": describe("InService", SHADOW),
        "Await the verdict on shadow": say("promote"),
        "Judge shadow at last": answer_function(say("promote")),
        "Look at canary": describe("InService", CANARY),
        "Look at the next share": describe("InService", CANARY),
        "Await the verdict on canary": LATE,
        "Judge canary at last": answer_function(say("promote")),
        "Is there an endpoint?": describe("InService"),
        "Look at production": describe("InService", MODEL),
        "Look at production after failure": describe("InService"),
    }
    said |= {state_named(definition, name): answer for name, answer in answers.items()}
    return run_machine(definition, given, said)


def state_named(definition: dict[str, Any], name: str) -> str:
    found: str
    [found] = [state for state in definition["States"] if re.sub(r"\W+", "_", state).strip("_").lower() == name]
    return found


# --- when all goes well -----------------------------------------------------------------------------------------------


def test_an_approved_model_reaches_production(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)

    assert execution.failure is None
    assert [state for state, _ in execution.calls] == [
        "Read package",
        "Read registration",
        "Take the approval",
        "Take the lock",
        "Look at the approval again",
        "Announce staging",
        "Record staging",
        "Create model",
        "Configure staging",
        "Create staging endpoint",
        "Look at staging",
        "Check golden requests",
        "Delete staging endpoint",
        "Delete staging configuration",
        "Is there a champion?",
        "Look at the champion",
        "Read its configuration",
        "Who is the champion?",
        "Announce shadow",
        "Record shadow",
        "Configure shadow",
        "Update endpoint for shadow",
        "Look at shadow",
        "Await the verdict on shadow",
        "Tell the verdict on shadow",
        "Keep the verdict on shadow",
        "Announce canary",
        "Record canary",
        "Configure canary",
        "Update endpoint for canary",
        "Look at canary",
        "Await the verdict on canary",
        "Judge canary at last",
        "Tell the verdict on canary",
        "Keep the verdict on canary",
        "Announce canary",
        "Record canary",
        "Shift requests",
        "Look at the next share",
        "Await the verdict on canary",
        "Judge canary at last",
        "Tell the verdict on canary",
        "Keep the verdict on canary",
        "Announce production",
        "Record production",
        "Configure production",
        "Is there an endpoint?",
        "Update endpoint for production",
        "Look at production",
        "Record champion",
        "Announce completion",
        "Release the lock",
    ]


def test_the_first_model_gets_a_new_endpoint(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, is_there_a_champion=MISSING, is_there_an_endpoint=MISSING)

    assert execution.called("Create production endpoint") == {
        "EndpointName": ENDPOINT,
        "EndpointConfigName": MODEL,
    }
    assert not {"Announce shadow", "Announce canary", "Update endpoint for production"} & set(execution.visited)
    assert execution.visited[-1] == "Completed"


def test_a_throttle_is_not_taken_for_a_missing_endpoint(known_attempt: dict[str, Any]) -> None:
    """To create one that exists would fail; to think that none serves would be wrong."""
    execution = roll_out(known_attempt, is_there_an_endpoint=[THROTTLED, THROTTLED, describe("InService")])

    assert "Update endpoint for production" in execution.visited
    assert "Create production endpoint" not in execution.visited
    assert execution.visited[-1] == "Completed"


def test_an_endpoint_that_may_not_be_looked_at_is_no_missing_one(known_attempt: dict[str, Any]) -> None:
    denied = Failure("SageMaker.SageMakerException", "User is not authorized (Service: SageMaker, Status Code: 400)")
    execution = roll_out(known_attempt, is_there_an_endpoint=denied)

    assert not {"Update endpoint for production", "Create production endpoint"} & set(execution.visited)
    assert execution.failure == denied


def test_an_endpoint_that_is_there_is_updated_without_a_gap(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)

    assert execution.called("Update endpoint for production") == {
        "EndpointName": ENDPOINT,
        "EndpointConfigName": MODEL,
    }
    assert "Create production endpoint" not in execution.visited


def test_names_tell_the_use_case_the_version_and_the_attempt(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)

    assert execution.called("Create model")["ModelName"] == MODEL
    assert execution.called("Create staging endpoint")["EndpointName"] == STAGING
    assert STAGING_FORMAT.format("noriba-taxi-eta", MODEL.rpartition("-")[2]) == STAGING
    for stage in ("staging", "production"):
        [variant] = execution.called(f"Configure {stage}")["ProductionVariants"]
        assert variant["VariantName"] == VARIANT_FORMAT.format(7)
        assert variant["ModelName"] == MODEL


def test_a_model_approved_twice_does_not_meet_what_the_first_rollout_left(definition: dict[str, Any]) -> None:
    """The production check fails here, as its answer cannot foresee the name; staging is enough to see."""
    first, second = (roll_out(definition).called("Create model")["ModelName"] for _ in range(2))

    assert first != second
    assert re.fullmatch(rf"{ENDPOINT}-v7-[0-9a-f]{{8}}", first)
    assert len(first) <= 63


def test_the_model_is_the_package_that_was_approved_and_has_no_network(known_attempt: dict[str, Any]) -> None:
    model = roll_out(known_attempt).called("Create model")

    assert model["PrimaryContainer"] == {"ModelPackageName": PACKAGE}
    assert model["EnableNetworkIsolation"] is True
    assert model["ExecutionRoleArn"] == "<ModelsRole.Arn>"


def test_golden_requests_are_asked_of_staging(known_attempt: dict[str, Any]) -> None:
    assert roll_out(known_attempt).called("Check golden requests")["Payload"] == {
        "use_case": "taxi_eta",
        "endpoint_name": STAGING,
        "model_data_uri": MODEL_URI,
        "sha256": "5ea1",
    }


def test_every_stage_is_announced_in_order(known_attempt: dict[str, Any]) -> None:
    published = roll_out(known_attempt).published

    told = (RolloutAdvanced, ChallengerJudged, RolloutCompleted)
    kinds: dict[str, type[Event]] = {event.detail_type(): event for event in told}
    ours: Any = {"use_case": "taxi_eta", "model_package_arn": PACKAGE}

    assert [kinds[kind].model_validate(detail) for _, kind, detail in published] == [
        RolloutAdvanced(**ours, stage="staging"),
        RolloutAdvanced(**ours, stage="shadow"),
        ChallengerJudged(**ours, stage="shadow", **say("promote")),
        RolloutAdvanced(**ours, stage="canary", percent=10),
        ChallengerJudged(**ours, stage="canary", **say("promote")),
        RolloutAdvanced(**ours, stage="canary", percent=50),
        ChallengerJudged(**ours, stage="canary", **say("promote")),
        RolloutAdvanced(**ours, stage="production"),
        RolloutCompleted(**ours, endpoint_name=ENDPOINT),
    ]
    assert {source for source, _, _ in published} == {"noriba.rollout"}


def test_the_champion_is_recorded_for_the_next_decision(known_attempt: dict[str, Any]) -> None:
    item = roll_out(known_attempt).called("Record champion")["Item"]

    assert item.pop("since")["S"]
    assert item == {
        "use_case": {"S": "taxi_eta"},
        "entry": {"S": "champion"},
        "model_package_arn": {"S": PACKAGE},
        "model_data_uri": {"S": MODEL_URI},
        "endpoint_config": {"S": MODEL},
    }


# --- shadow and canary ------------------------------------------------------------------------------------------------


def test_in_the_shadow_the_champion_answers_and_the_challenger_gets_every_request_too(
    known_attempt: dict[str, Any],
) -> None:
    configured = roll_out(known_attempt).called("Configure shadow")
    [champion], [challenger] = configured["ProductionVariants"], configured["ShadowProductionVariants"]

    assert (champion["VariantName"], champion["ModelName"]) == ("v6", CHAMPION)
    assert (challenger["VariantName"], challenger["ModelName"]) == ("v7", MODEL)
    assert champion["InitialVariantWeight"] == challenger["InitialVariantWeight"]
    assert configured["DataCaptureConfig"]["InitialSamplingPercentage"] == 100


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


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_a_challenger_that_is_rejected_leaves_production_to_the_champion(
    known_attempt: dict[str, Any], stage: str
) -> None:
    left = SHADOW if stage == "shadow" else CANARY
    execution = roll_out(
        known_attempt,
        **{f"await_the_verdict_on_{stage}": say("reject", "its error is larger by 9 to 12")},
        look_at_production_after_failure=[
            describe("InService", left),
            describe("Updating", left),
            describe("InService"),
        ],
    )

    assert execution.failure == Failure("ChallengerRejectedError", "its error is larger by 9 to 12")
    assert execution.called("Restore the champion") == {"EndpointName": ENDPOINT, "EndpointConfigName": CHAMPION}
    assert execution.published[-1][2]["reason"] == "its error is larger by 9 to 12"
    assert execution.called("Delete model after failure") == {"ModelName": MODEL}
    assert "Record champion" not in execution.visited


EXPERIMENT = RolloutPlan.of_experiment(RolloutPolicy(), percent=40, lasts_s=3600)


def test_an_experiment_ends_with_the_champion_and_without_a_failure(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        EXPERIMENT,
        await_the_verdict_on_canary=LATE,
        judge_canary_at_last=answer_function({**say("reject", "its time is up"), "error": "ExperimentEnded"}),
        look_at_production_after_failure=[describe("InService", CANARY), describe("InService")],
    )

    assert execution.failure is None
    assert execution.visited[-1] == "Experiment ended"
    assert "Await the verdict on shadow" not in execution.visited
    assert execution.called("Restore the champion")["EndpointConfigName"] == CHAMPION
    assert execution.called("Delete model after failure") == {"ModelName": MODEL}
    assert execution.called("Release the lock after failure")
    # Its end is told as a verdict, and not as a rollback.
    assert [kind for _source, kind, _detail in execution.published][-1] == "ChallengerJudged"
    assert "Record champion" not in execution.visited


def test_an_experiment_after_which_production_cannot_be_given_back_has_failed(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        EXPERIMENT,
        await_the_verdict_on_canary={**say("reject", "enough"), "error": "ExperimentEnded"},
        look_at_production_after_failure=describe("InService", CANARY),
    )

    assert execution.failure == Failure("ExperimentEnded", "enough")
    assert execution.published[-1][1] == "RolledBack"


def test_an_experiment_whose_challenger_fails_is_a_rollout_that_failed(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, EXPERIMENT, await_the_verdict_on_canary=say("reject", "it fails"))

    assert execution.failure == Failure("ChallengerRejectedError", "it fails")


def test_a_shadow_whose_time_is_up_gets_a_verdict_all_the_same(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=LATE,
        judge_shadow_at_last=answer_function(say("reject", "its time is up")),
    )

    assert execution.called("Judge shadow at last")["Payload"] == {"use_case": "taxi_eta", "at_last": True}
    assert execution.failure == Failure("ChallengerRejectedError", "its time is up")


def test_a_verdict_that_somebody_holds_back_is_asked_for_every_hour_and_not_after_the_whole_time_again(
    known_attempt: dict[str, Any],
) -> None:
    held = answer_function({**say("continue", "paused"), "paused": True})
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=LATE,
        await_the_end_of_the_pause_of_shadow=LATE,
        judge_shadow_at_last=[held, held, answer_function(say("promote"))],
    )
    first, *later = [call for state, call in execution.calls if state.endswith("shadow") and state.startswith("Await")]

    assert execution.visited.count("Await the verdict on shadow") == 1
    assert execution.visited.count("Await the end of the pause of shadow") == len(later) == 2
    assert known_attempt["States"]["Await the end of the pause of shadow"]["TimeoutSeconds"] == 3600
    # How long it has been compared is not forgotten; only whom to answer is new.
    assert ":since" in first["ExpressionAttributeValues"]
    assert {name for call in later for name in call["ExpressionAttributeValues"]} == {":token", ":mine"}
    assert execution.visited[-1] == "Completed"


def test_who_resumes_a_rollout_may_answer_it_at_once(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=LATE,
        judge_shadow_at_last=answer_function({**say("continue", "paused"), "paused": True}),
        await_the_end_of_the_pause_of_shadow=say("reject", "its error is larger"),
    )

    assert execution.failure == Failure("ChallengerRejectedError", "its error is larger")


def test_a_pause_of_a_month_stays_far_from_the_events_that_an_execution_may_have(known_attempt: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    held = answer_function({**say("continue", "paused"), "paused": True})
    asked = 25
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=LATE,
        await_the_end_of_the_pause_of_shadow=LATE,
        judge_shadow_at_last=[*[held] * asked, answer_function(say("reject"))],
    )
    # Of a state that calls a service: entered, scheduled, started, submitted, ended, left.
    pause = execution.visited.index("Await the end of the pause of shadow")
    states_an_hour = (execution.visited.index("Rejected in shadow") - pause) / asked

    assert states_an_hour * 6 * 24 * 30 < 25_000


def test_a_canary_that_nobody_asked_waits_as_long_again(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        judge_canary_at_last=[
            answer_function({**say("continue", "it was asked nothing yet"), "paused": False}),
            answer_function(say("promote")),
        ],
    )

    assert execution.visited.count("Await the verdict on canary") == 3
    assert "Await the end of the pause of canary" not in execution.visited
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


def test_an_approval_that_was_withdrawn_while_it_waited_is_let_go(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, look_at_the_approval_again={**APPROVED, "ModelApprovalStatus": "Rejected"})

    assert execution.visited[-2:] == ("Let go", "Approval was withdrawn")
    assert execution.called("Let go")["ConditionExpression"] == "execution = :mine"


def test_production_is_given_back_however_often_that_must_be_tried(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=say("reject"),
        look_at_production_after_failure=[describe("InService", SHADOW)] * 3 + [describe("InService")],
        restore_the_champion=[Failure("SageMaker.ResourceInUse"), Failure("SageMaker.ResourceInUse"), {}],
    )

    assert execution.visited.count("Restore the champion") == 3
    assert execution.visited.count("Wait longer for the champion") == 2
    assert execution.failure == Failure("ChallengerRejectedError", "because")


# --- approval and lock ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
def test_an_approval_withdrawn_meanwhile_ends_it_before_anything_is_touched(
    known_attempt: dict[str, Any], status: str
) -> None:
    execution = roll_out(known_attempt, read_package={**APPROVED, "ModelApprovalStatus": status})

    assert execution.visited[-1] == "Approval was withdrawn"
    assert [state for state, _ in execution.calls] == ["Read package"]


@pytest.mark.parametrize("changed", [{"ModelDataUrl": "s3://models/mine.tar.gz"}, {"Image": "mine:1"}])
def test_a_package_that_was_changed_after_its_judgement_is_not_rolled_out(
    known_attempt: dict[str, Any], changed: dict[str, str]
) -> None:
    container = {"ModelDataUrl": MODEL_URI, "Image": IMAGE, **changed}
    package = {**APPROVED, "InferenceSpecification": {"Containers": [container]}}

    execution = roll_out(known_attempt, read_package=package)

    assert "Take the lock" not in execution.visited
    assert execution.failure is not None
    assert execution.failure.error == "PackageChangedError"
    assert execution.published[-1][1] == "RolledBack"


def test_a_package_that_training_did_not_register_is_not_rolled_out(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, read_registration={})

    assert execution.failure is not None
    assert execution.failure.error == "PackageChangedError"


def test_an_approval_is_rolled_out_once_however_often_it_is_told(known_attempt: dict[str, Any]) -> None:
    """Its second event may come after a newer approval's, whose rollout it would undo."""
    execution = roll_out(known_attempt, take_the_approval=TAKEN)
    taken = execution.called("Take the approval")

    assert execution.visited[-1] == "Approval was rolled out already"
    assert "Take the lock" not in execution.visited
    assert taken["Item"]["entry"] == {"S": f"approval#{PACKAGE}"}
    assert taken["Item"]["modified"] == {"S": "2026-11-21T10:00:00Z"}
    assert "modified <> :modified" in taken["ConditionExpression"]


def test_a_person_may_ask_for_the_same_version_as_often_as_they_like(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, None)

    assert "Take the approval" not in execution.visited
    assert execution.visited[-1] == "Completed"


def test_the_lock_is_the_execution_s_own(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt)
    taken, released = execution.called("Take the lock"), execution.called("Release the lock")

    assert taken["Item"] == {
        "use_case": {"S": "taxi_eta"},
        "entry": {"S": "rollout"},
        "execution": {"S": EXECUTION_ID},
        # What it makes, for whoever tidies up in its place.
        "staging": {"S": STAGING},
        "model": {"S": MODEL},
        # Whoever is approved takes an experiment's place.
        "purpose": {"S": "promotion"},
        # The newer of two wins.
        "started_at": {"S": "2026-11-21T10:00:00Z"},
    }
    assert taken["ConditionExpression"] == "attribute_not_exists(entry) OR execution = :mine"
    assert released["Key"] == {"use_case": {"S": "taxi_eta"}, "entry": {"S": "rollout"}}
    assert released["ConditionExpression"] == "execution = :mine"
    for call in (taken, released):
        assert call["ExpressionAttributeValues"] == {":mine": {"S": EXECUTION_ID}}


TAKEN = Failure("DynamoDB.ConditionalCheckFailedException")
OTHER = EXECUTION_ID.replace("execution:execution", "execution:other")
HELD = {"Item": {"execution": {"S": OTHER}}}
ASKING = ["Take the lock", "Who holds the lock?", "Is it still held?"]
LOOKING = [*ASKING, "Look at its holder", "Does its holder run?"]
OLDER = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/noriba-taxi-eta/6"


def ended(status: str, **said: str) -> dict[str, Any]:
    """What Step Functions says of another rollout that is over."""
    return {"Status": status, "Input": json.dumps({**GIVEN, "model_package_arn": OLDER}), **said}


def visited_for_the_lock(execution: Execution) -> list[str]:
    """What was visited from the approval to the first thing done under the lock."""
    start, end = (execution.visited.index(state) for state in ("Take the lock", "Look at the approval again"))
    return list(execution.visited[start:end])


def test_a_second_rollout_waits_as_long_as_the_first_runs(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        take_the_lock=[TAKEN, TAKEN, {}],
        who_holds_the_lock=HELD,
        look_at_its_holder={"Status": "RUNNING"},
    )

    waited = [*LOOKING, "May it be superseded?", "Wait for the lock"]
    assert visited_for_the_lock(execution) == [*waited * 2, "Take the lock"]
    assert execution.visited[-1] == "Completed"


WAITING = {"Item": {**HELD["Item"], "token": {"S": "its-token"}, "started_at": {"S": "2026-11-21T09:59:59Z"}}}
YOUNGER = {"Item": {**WAITING["Item"], "started_at": {"S": "2026-11-21T10:00:01Z"}}}


def test_a_rollout_that_is_being_compared_is_told_that_a_newer_one_takes_its_place(
    known_attempt: dict[str, Any],
) -> None:
    execution = roll_out(
        known_attempt,
        take_the_lock=[TAKEN, {}],
        who_holds_the_lock=WAITING,
        look_at_its_holder={"Status": "RUNNING"},
    )

    assert execution.called("Supersede") == {
        "TaskToken": "its-token",
        "Error": "RolloutSupersededError",
        "Cause": f"{PACKAGE} takes its place",
    }
    assert execution.visited[-1] == "Completed"


@pytest.mark.parametrize("holder", [HELD, WAITING, YOUNGER], ids=["under way", "compared", "begun later"])
def test_an_experiment_that_finds_a_rollout_under_way_fails_and_leaves_it_alone(
    known_attempt: dict[str, Any], holder: dict[str, Any]
) -> None:
    execution = roll_out(
        known_attempt,
        EXPERIMENT,
        take_the_lock=TAKEN,
        who_holds_the_lock=holder,
        look_at_its_holder={"Status": "RUNNING"},
    )

    assert not {"Supersede", "Free the lock"} & set(execution.visited)
    assert execution.failure == Failure(
        "RolloutUnderWayError", "a rollout is under way, and an experiment waits for nobody"
    )
    assert execution.published[-1][1] == "RolledBack"
    assert execution.called("Release the lock after failure")["ConditionExpression"] == "execution = :mine"


@pytest.mark.parametrize("when_newer", ["supersede", "queue"])
@pytest.mark.parametrize("holder", [WAITING, YOUNGER], ids=["begun before", "begun later"])
def test_an_approval_takes_the_place_of_an_experiment_in_any_case(
    known_attempt: dict[str, Any], holder: dict[str, Any], when_newer: str
) -> None:
    """It promotes nobody, and four weeks of it and a shadow after it do not fit into a month."""
    execution = roll_out(
        known_attempt,
        PLAN.model_copy(update={"when_newer": when_newer}),
        take_the_lock=[TAKEN, TAKEN, {}],
        # It is not being compared yet, and cannot be told.
        who_holds_the_lock=[without_token(of_experiment(holder)), of_experiment(holder)],
        look_at_its_holder={"Status": "RUNNING"},
    )

    assert visited_for_the_lock(execution) == [
        *LOOKING,
        "May it be superseded?",
        "Wait for the lock",
        *LOOKING,
        "May it be superseded?",
        "Supersede",
        "Wait for the lock",
        "Take the lock",
    ]
    assert execution.called("Supersede")["TaskToken"] == "its-token"
    assert execution.visited[-1] == "Completed"


def of_experiment(held: dict[str, Any]) -> dict[str, Any]:
    return {"Item": {**held["Item"], "purpose": {"S": "experiment"}}}


def without_token(held: dict[str, Any]) -> dict[str, Any]:
    return {"Item": {name: value for name, value in held["Item"].items() if name != "token"}}


def test_an_experiment_takes_a_lock_that_nobody_alive_holds(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        EXPERIMENT,
        take_the_lock=[TAKEN, {}],
        who_holds_the_lock=HELD,
        look_at_its_holder={"Status": "SUCCEEDED"},
    )

    assert "Free the lock" in execution.visited
    assert "Announce canary" in execution.visited


def test_an_older_one_does_not_take_the_place_of_a_newer(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        take_the_lock=TAKEN,
        who_holds_the_lock=YOUNGER,
        look_at_its_holder={"Status": "RUNNING"},
    )

    assert "Supersede" not in execution.visited
    assert execution.failure == Failure("RolloutSupersededError", f"{OTHER} was begun later")


def test_one_whose_place_is_taken_gives_production_back_and_says_so(known_attempt: dict[str, Any]) -> None:
    superseded = Failure("RolloutSupersededError", "another takes its place")
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=superseded,
        look_at_production_after_failure=[describe("InService", SHADOW), describe("InService")],
    )

    assert "Restore the champion" in execution.visited
    assert execution.published[-1][2]["error"] == "RolloutSupersededError"
    assert execution.failure == superseded


def test_where_the_plan_says_so_the_one_before_it_is_waited_for(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        PLAN.model_copy(update={"when_newer": "queue"}),
        take_the_lock=[TAKEN, {}],
        who_holds_the_lock=WAITING,
        look_at_its_holder={"Status": "RUNNING"},
    )

    assert "Supersede" not in execution.visited
    assert "Wait long for the lock" in execution.visited
    assert execution.visited[-1] == "Completed"


@pytest.mark.parametrize(
    "holder",
    [
        *(ended(status) for status in ("TIMED_OUT", "ABORTED", "FAILED", "SUCCEEDED")),
        # An execution is forgotten 90 days after its end.
        Failure("Sfn.ExecutionDoesNotExistException"),
    ],
)
def test_a_lock_whose_holder_was_stopped_is_freed(
    known_attempt: dict[str, Any], holder: dict[str, Any] | Failure
) -> None:
    execution = roll_out(known_attempt, take_the_lock=[TAKEN, {}], who_holds_the_lock=HELD, look_at_its_holder=holder)
    freed = execution.called("Free the lock")

    assert visited_for_the_lock(execution)[-2:] == ["Free the lock", "Take the lock"]
    assert freed["ConditionExpression"] == "execution = :holder"
    assert freed["ExpressionAttributeValues"] == {":holder": {"S": OTHER}}
    assert execution.visited[-1] == "Completed"


@pytest.mark.parametrize(
    ("holder", "said"),
    [
        (ended("ABORTED"), ("Aborted", "its execution was stopped, and nobody said why")),
        (ended("ABORTED", Error="Aborted", Cause="Ann: no"), ("Aborted", "Ann: no")),
        # As the interpreter here calls a timeout.
        (ended("TIMED_OUT"), (LATE.error, "its time was up")),
        (ended("FAILED", Error="States.Runtime", Cause="25,000 events"), ("States.Runtime", "25,000 events")),
    ],
)
def test_what_a_holder_that_was_cut_off_could_not_say_is_not_lost_with_its_lock(
    known_attempt: dict[str, Any], holder: dict[str, Any], said: tuple[str, str]
) -> None:
    execution = roll_out(known_attempt, take_the_lock=[TAKEN, {}], who_holds_the_lock=HELD, look_at_its_holder=holder)
    source, kind, detail = execution.published[0]

    assert (source, kind) == ("noriba.rollout", "RolledBack")
    assert RolledBack.model_validate(detail) == RolledBack(
        use_case="taxi_eta", model_package_arn=OLDER, error=said[0], reason=said[1]
    )
    assert [kind for _source, kind, _detail in execution.published].count("RolledBack") == 1
    assert execution.visited[-1] == "Completed"


@pytest.mark.parametrize(
    ("holder", "held"),
    [
        (ended("ABORTED"), {"Item": {**HELD["Item"], "told": {"BOOL": True}}}),
        (ended("FAILED", Error="ChallengerRejectedError", Cause="worse"), HELD),
        (ended("SUCCEEDED"), HELD),
    ],
    ids=["told by TIDY", "told by itself", "nothing to tell"],
)
def test_what_was_told_of_a_holder_is_not_told_again(
    known_attempt: dict[str, Any], holder: dict[str, Any], held: dict[str, Any]
) -> None:
    execution = roll_out(known_attempt, take_the_lock=[TAKEN, {}], who_holds_the_lock=held, look_at_its_holder=holder)

    assert "RolledBack" not in [kind for _source, kind, _detail in execution.published]
    assert "Free the lock" in execution.visited


def test_a_lock_is_not_freed_before_its_holder_s_end_was_told(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        take_the_lock=TAKEN,
        who_holds_the_lock=HELD,
        look_at_its_holder=ended("ABORTED"),
        say_why_its_holder_ended=Failure("EventBridgeIsAway"),
    )

    assert "Free the lock" not in execution.visited
    assert execution.failure == Failure("EventBridgeIsAway")


def test_of_two_that_would_free_it_the_slower_asks_again(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        take_the_lock=[TAKEN, {}],
        who_holds_the_lock=HELD,
        look_at_its_holder=ended("SUCCEEDED"),
        free_the_lock=TAKEN,
    )

    assert visited_for_the_lock(execution) == [*LOOKING, "Was its end told?", "Free the lock", "Take the lock"]


def test_a_lock_released_meanwhile_is_asked_for_again(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, take_the_lock=[TAKEN, {}], who_holds_the_lock={})

    assert visited_for_the_lock(execution) == [*ASKING, "Take the lock"]


def test_nobody_waits_for_ever(definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] == 30 * 24 * 60 * 60


def test_whatever_fails_under_the_lock_leads_to_its_release(definition: dict[str, Any]) -> None:
    """A lock that nobody releases would end all rollouts to come."""
    states = definition["States"]
    ahead = [states["Take the lock"]["Next"]]
    seen: set[str] = set()
    while ahead:
        name = ahead.pop()
        if name in seen | RELEASED:
            continue
        seen.add(name)
        ahead += follow(states[name])
        assert states[name]["Type"] not in {"Succeed", "Fail"}, f"{name} ends under the lock"
        if states[name]["Type"] == "Task":
            assert ["States.ALL"] in [catch["ErrorEquals"] for catch in states[name].get("Catch", [])], name
    assert len(seen) > 15


def test_a_lock_lost_meanwhile_is_no_failure(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, release_the_lock=Failure("DynamoDB.ConditionalCheckFailedException"))

    assert execution.visited[-1] == "Completed"


# --- when something fails ---------------------------------------------------------------------------------------------

UNDER_LOCK = (
    "look_at_the_approval_again",
    "announce_staging",
    "create_model",
    "configure_staging",
    "create_staging_endpoint",
    "look_at_staging",
    "check_golden_requests",
    "delete_staging_endpoint",
    "delete_staging_configuration",
    "is_there_a_champion",
    "look_at_the_champion",
    "read_its_configuration",
    "who_is_the_champion",
    "announce_shadow",
    "record_shadow",
    "configure_shadow",
    "update_endpoint_for_shadow",
    "look_at_shadow",
    "await_the_verdict_on_shadow",
    "tell_the_verdict_on_shadow",
    "keep_the_verdict_on_shadow",
    "announce_canary",
    "record_canary",
    "configure_canary",
    "update_endpoint_for_canary",
    "look_at_canary",
    "await_the_verdict_on_canary",
    "judge_canary_at_last",
    "shift_requests",
    "look_at_the_next_share",
    "announce_production",
    "record_production",
    "configure_production",
    "is_there_an_endpoint",
    "update_endpoint_for_production",
    "look_at_production",
)


@pytest.mark.parametrize("step", UNDER_LOCK)
def test_a_failure_at_any_step_is_announced_unlocked_and_reported(known_attempt: dict[str, Any], step: str) -> None:
    failure = Failure("SomeError", "and its cause")
    execution = roll_out(known_attempt, **{step: failure})
    _, kind, detail = execution.published[-1]

    assert execution.failure == failure
    assert execution.visited[-3:] == ("Release the lock after failure", "Did an experiment end?", "Failed")
    assert kind == "RolledBack"
    assert RolledBack.model_validate(detail) == RolledBack(
        use_case="taxi_eta", model_package_arn=PACKAGE, error=failure.error, reason=failure.cause
    )


@pytest.mark.parametrize("step", UNDER_LOCK[: UNDER_LOCK.index("update_endpoint_for_shadow")])
def test_before_production_is_reached_nothing_of_it_is_touched(known_attempt: dict[str, Any], step: str) -> None:
    execution = roll_out(known_attempt, **{step: Failure("SomeError")})
    touched = [
        state
        for state, parameters in execution.calls
        if parameters.get("EndpointName") == ENDPOINT and not state.startswith(("Is ", "Look "))
    ]

    assert touched == []
    assert "Record champion" not in execution.visited


@pytest.mark.parametrize("step", ["create_staging_endpoint", "look_at_staging", "check_golden_requests"])
def test_a_staging_that_fails_is_removed(known_attempt: dict[str, Any], step: str) -> None:
    execution = roll_out(known_attempt, **{step: Failure("SomeError")})

    assert execution.called("Delete staging endpoint after failure") == {"EndpointName": STAGING}
    assert execution.called("Delete staging configuration after failure") == {"EndpointConfigName": STAGING}
    assert execution.called("Delete model after failure") == {"ModelName": MODEL}


def test_a_staging_that_is_still_being_made_is_deleted_when_it_can_be(known_attempt: dict[str, Any]) -> None:
    """SageMaker refuses before, and a staging endpoint costs money until somebody finds it."""
    seen = [describe("Creating"), THROTTLED, describe("Creating"), describe("InService")]
    execution = roll_out(known_attempt, look_at_staging=Failure("SomeError"), is_staging_still_there=seen)

    assert [state for state, _ in execution.calls].count("Is staging still there?") == 4
    assert execution.called("Delete staging endpoint after failure") == {"EndpointName": STAGING}
    assert execution.failure == Failure("SomeError")


def test_a_staging_that_was_never_made_does_not_hide_the_failure(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        create_model=Failure("SomeError"),
        is_staging_still_there=MISSING,
        delete_staging_configuration_after_failure=MISSING,
        delete_model_after_failure=MISSING,
    )

    assert "Delete staging endpoint after failure" not in execution.visited
    assert execution.failure == Failure("SomeError")
    assert execution.published[-1][2]["error"] == "SomeError"


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_an_endpoint_that_is_on_its_way_is_looked_at_again(definition: dict[str, Any], stage: str) -> None:
    states = definition["States"]
    decided = {rule["And"][1]["StringEquals"] for rule in states[f"Is {stage} in service?"]["Choices"]}

    assert not decided & {"Creating", "Updating", "SystemUpdating", "RollingBack"}
    assert states[f"Is {stage} in service?"]["Default"] == f"Wait for {stage}"
    assert states[f"Wait for {stage}"] == {"Type": "Wait", "Seconds": 15, "Next": f"Look at {stage}"}


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
@pytest.mark.parametrize("stage", ["staging", "production"])
def test_an_endpoint_that_does_not_come_up_is_a_failure_with_its_own_words(
    known_attempt: dict[str, Any], stage: str, status: str
) -> None:
    execution = roll_out(known_attempt, **{f"look_at_{stage}": describe(status)})

    assert execution.failure is not None
    assert execution.failure.error == "EndpointFailed"
    assert execution.failure.cause == "endpoint-x: no capacity"
    _, kind, detail = execution.published[-1]
    assert (kind, detail["error"], detail["reason"]) == ("RolledBack", "EndpointFailed", "endpoint-x: no capacity")


def test_golden_requests_are_asked_again_when_the_endpoint_could_not_be_reached(definition: dict[str, Any]) -> None:
    retried = [
        error for retry in definition["States"]["Check golden requests"]["Retry"] for error in retry["ErrorEquals"]
    ]

    assert ModelUnavailableError.__name__ in retried
    assert not {GoldenRequestsFailedError.__name__, "States.TaskFailed"} & set(retried)


def test_what_a_function_raised_is_told_without_its_trace(known_attempt: dict[str, Any]) -> None:
    document = {"errorMessage": "golden request 0: late", "errorType": "GoldenRequestsFailedError", "stackTrace": ["…"]}
    failed = Failure("GoldenRequestsFailedError", json.dumps(document))
    execution = roll_out(known_attempt, check_golden_requests=failed)

    assert execution.failure == Failure("GoldenRequestsFailedError", "golden request 0: late")
    assert execution.published[-1][2]["reason"] == "golden request 0: late"


def test_an_update_that_sagemaker_took_back_is_no_success(known_attempt: dict[str, Any]) -> None:
    """It leaves the endpoint in service, with what it served before."""
    execution = roll_out(known_attempt, look_at_production=describe("InService", "noriba-taxi-eta-v6-old"))

    assert "Record champion" not in execution.visited
    assert execution.published[-1][1] == "RolledBack"


def test_a_rollback_that_cannot_be_announced_is_unlocked_all_the_same(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt, create_model=Failure("SomeError"), announce_rollback=Failure("EventBridgeIsAway")
    )

    assert execution.visited[-3:] == ("Release the lock after failure", "Did an experiment end?", "Failed")
    assert execution.failure == Failure("SomeError")


def test_what_cannot_be_recorded_as_the_champion_is_none(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        record_champion=Failure("SomeError"),
        look_at_production_after_failure=[describe("InService", MODEL), describe("InService")],
    )

    assert execution.called("Restore the champion")["EndpointConfigName"] == CHAMPION
    assert execution.published[-1][1] == "RolledBack"
    assert execution.failure == Failure("SomeError")


def test_what_cannot_be_given_back_is_tried_twenty_times(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=say("reject"),
        look_at_production_after_failure=describe("InService", SHADOW),
        restore_the_champion=Failure("SageMaker.ResourceInUse"),
    )

    assert execution.visited.count("Restore the champion") == 20
    assert execution.visited[-1] == "Failed"
    assert execution.failure == Failure("ChallengerRejectedError", "because")


def test_a_failure_after_the_switch_is_not_called_a_rollback(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, announce_completion=Failure("SomeError"))

    assert "RolledBack" not in [kind for _, kind, _ in execution.published]
    assert execution.visited[-3:] == ("Release the lock after failure", "Did an experiment end?", "Failed")
    assert execution.failure == Failure("SomeError")


def test_what_production_is_asked_and_answers_is_captured_and_staging_s_is_not(
    definition: dict[str, Any], customised: Assembly
) -> None:
    def capture(machine: dict[str, Any], stage: str) -> Any:
        [state] = [state for name, state in list_tasks(machine["States"]) if name == f"Configure {stage}"]
        return state["Parameters"].get("DataCaptureConfig")

    found = capture(definition, "production")
    other = customised.machine("RolloutMachine")

    assert found == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://<CapturesBucket>",
        "KmsKeyId": "<Key.Arn>",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    assert capture(definition, "staging") is None
    assert capture(other, "production")["InitialSamplingPercentage"] == 25


def test_endpoints_keep_no_data_unencrypted(definition: dict[str, Any]) -> None:
    configurations = [s for name, s in list_tasks(definition["States"]) if name.startswith("Configure")]

    assert len(configurations) == 4
    for state in configurations:
        assert state["Parameters"]["KmsKeyId"] == "<Key.Arn>"
