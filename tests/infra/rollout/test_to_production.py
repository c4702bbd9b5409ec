"""When all goes well: staging, golden requests, production, and whom each step names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from noriba.events import ChallengerJudged, RolloutAdvanced, RolloutCompleted
from noriba.records.names import STAGING_FORMAT, VARIANT_FORMAT
from tests.infra.executions import Failure
from tests.infra.rollout.rollouts import (
    ENDPOINT,
    MISSING,
    MODEL,
    MODEL_URI,
    PACKAGE,
    STAGING,
    THROTTLED,
    describe,
    roll_out,
    say,
)

if TYPE_CHECKING:
    from noriba.events import Event


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
        "Note its features",
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
        "Look at the approval before the canary",
        "Announce canary",
        "Record canary",
        "Say who may answer",
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
        "Look at the approval before production",
        "Announce production",
        "Record production",
        "Configure production",
        "Is there an endpoint?",
        "Update endpoint for production",
        "Look at production",
        "Record champion",
        "Keep that it serves",
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
