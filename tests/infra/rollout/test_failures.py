"""At each step, what happens when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.check_golden_requests.handler import GoldenRequestsFailedError
from noriba.aws.endpoints import ModelUnavailableError
from noriba.events import RolledBack
from noriba.records.executions import LEFT_UNSAID
from tests.infra.executions import Failure
from tests.infra.rollout.rollouts import (
    CHAMPION,
    ENDPOINT,
    GIVEN,
    HELD,
    MISSING,
    MODEL,
    PACKAGE,
    SHADOW,
    STAGING,
    TAKEN,
    THROTTLED,
    describe,
    roll_out,
    say,
)

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
    "look_at_the_approval_before_the_canary",
    "announce_canary",
    "record_canary",
    "say_who_may_answer",
    "configure_canary",
    "update_endpoint_for_canary",
    "look_at_canary",
    "await_the_verdict_on_canary",
    "judge_canary_at_last",
    "shift_requests",
    "look_at_the_next_share",
    "look_at_the_approval_before_production",
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


@pytest.mark.parametrize(
    "step",
    [
        "read_package",
        "read_registration",
        "take_the_approval",
        "take_the_lock",
        "who_holds_the_lock",
        "look_at_its_holder",
        "say_why_its_holder_ended",
        "free_the_lock",
    ],
)
def test_a_failure_before_the_lock_is_announced_for_the_approval_is_used_up(
    known_attempt: dict[str, Any], step: str
) -> None:
    holder = {"Status": "ABORTED", "Input": json.dumps({**GIVEN, "model_package_arn": PACKAGE})}
    held = {"take_the_lock": TAKEN, "who_holds_the_lock": HELD, "look_at_its_holder": holder}
    failure = Failure("SomeError", "and its cause")
    execution = roll_out(known_attempt, **{**held, step: failure})

    assert execution.failure == failure
    assert execution.published[-1][1:] == (
        "RolledBack",
        {"use_case": "taxi_eta", "model_package_arn": PACKAGE, "error": "SomeError", "reason": "and its cause"},
    )
    # Whosever lock it is, it is not this one's to take away.
    assert execution.called("Release the lock after failure")["ConditionExpression"] == "execution = :mine"


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


def test_a_completion_that_could_not_be_told_is_no_rollback_and_left_to_tidy(
    known_attempt: dict[str, Any],
) -> None:
    execution = roll_out(known_attempt, announce_completion=Failure("SomeError", "the bus is away"))

    assert "RolledBack" not in [kind for _, kind, _ in execution.published]
    assert execution.called("Keep that it serves")["Key"]["entry"] == {"S": "rollout-step#execution#production"}
    # Whoever tells it in its place finds whose it was in the lock.
    assert not [state for state in execution.visited if state.startswith("Release the lock")]
    assert execution.failure is not None
    assert execution.failure.error in LEFT_UNSAID
    assert execution.failure.cause.endswith("the bus is away")


def test_that_it_serves_is_announced_where_that_cannot_be_kept(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, keep_that_it_serves=Failure("SomeError"))

    assert execution.published[-1][1] == "RolloutCompleted"
    assert execution.visited[-1] == "Completed"
