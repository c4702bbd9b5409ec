"""What a verdict does, how long is waited for it, and how production is given back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.executions import EXECUTION_ID, LATE, Failure, answer_function
from tests.infra.rollout.rollouts import CANARY, CHAMPION, ENDPOINT, MODEL, SHADOW, describe, roll_out, say


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
            describe("InService", left),
            describe("Updating", left),
            describe("InService"),
        ],
    )

    assert execution.failure == Failure("ChallengerRejectedError", "its error is larger by 9 to 12")
    restored = [given for state, given in execution.calls if state == "Restore the champion"]
    assert restored[-1] == {"EndpointName": ENDPOINT, "EndpointConfigName": CHAMPION}
    assert execution.published[-1][2]["reason"] == "its error is larger by 9 to 12"
    assert execution.called("Delete model after failure") == {"ModelName": MODEL}
    assert "Record champion" not in execution.visited


def test_requests_are_taken_from_the_challenger_before_the_endpoint_is_updated(known_attempt: dict[str, Any]) -> None:
    """A new fleet takes minutes, and where there is no capacity for it, for ever."""
    both = describe("InService", CANARY)
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_canary=say("reject"),
        look_at_production_after_failure=[both, describe("Updating", CANARY), both, both, describe("InService")],
        restore_the_champion=[Failure("ResourceLimitExceeded"), {}],
    )
    begun = execution.visited.index("Begin to restore")
    done = [state for state in execution.visited[begun:] if state in dict(execution.calls)]
    none_dealt = execution.called("Deal nobody to the challenger")

    assert done[:7] == [
        "Deal nobody to the challenger",
        "Look at production after failure",
        "Take the requests away",
        "Look at production after failure",
        "Look at production after failure",
        "Restore the champion",
        "Look at production after failure",
    ]
    assert execution.visited.count("Restore the champion") == 2
    assert execution.called("Take the requests away")["DesiredWeightsAndCapacities"] == [
        {"VariantName": "v6", "DesiredWeight": 1},
        {"VariantName": "v7", "DesiredWeight": 0},
    ]
    assert none_dealt["ExpressionAttributeValues"] == {":percent": {"N": "0"}, ":mine": {"S": EXECUTION_ID}}
    assert none_dealt["UpdateExpression"] == "SET #percent = :percent REMOVE #token"
    # An entry of a rollout that never had a canary has no share, and gets none.
    assert none_dealt["ConditionExpression"] == "execution = :mine AND attribute_exists(#percent)"


@pytest.mark.parametrize("step", ["deal_nobody_to_the_challenger", "take_the_requests_away"])
def test_where_requests_cannot_be_taken_away_production_is_given_back_all_the_same(
    known_attempt: dict[str, Any], step: str
) -> None:
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_canary=say("reject"),
        look_at_production_after_failure=[
            *[describe("InService", CANARY)] * (2 if step.startswith("deal") else 1),
            describe("InService"),
        ],
        **{step: Failure("SomeError")},
    )

    assert execution.called("Restore the champion")["EndpointConfigName"] == CHAMPION
    assert execution.failure == Failure("ChallengerRejectedError", "because")


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
        await_the_verdict_on_shadow_longer=LATE,
        judge_shadow_at_last=[held, held, answer_function(say("promote"))],
    )
    waits = [call for state, call in execution.calls if state.startswith("Await the verdict on shadow")]
    first, *later = waits

    assert execution.visited.count("Await the verdict on shadow") == 1
    assert execution.visited.count("Await the verdict on shadow longer") == len(later) == 2
    assert known_attempt["States"]["Await the verdict on shadow longer"]["TimeoutSeconds"] == 3600
    # How long it has been compared is not forgotten; only whom to answer is new.
    assert ":since" in first["ExpressionAttributeValues"]
    assert {name for call in later for name in call["ExpressionAttributeValues"]} == {":token", ":mine"}
    assert execution.visited[-1] == "Completed"


def test_who_resumes_a_rollout_may_answer_it_at_once(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=LATE,
        judge_shadow_at_last=answer_function({**say("continue", "paused"), "paused": True}),
        await_the_verdict_on_shadow_longer=say("reject", "its error is larger"),
    )

    assert execution.failure == Failure("ChallengerRejectedError", "its error is larger")


def test_a_pause_of_a_month_stays_far_from_the_events_that_an_execution_may_have(known_attempt: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    held = answer_function({**say("continue", "paused"), "paused": True})
    asked = 25
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_shadow=LATE,
        await_the_verdict_on_shadow_longer=LATE,
        judge_shadow_at_last=[*[held] * asked, answer_function(say("reject"))],
    )
    # Of a state that calls a service: entered, scheduled, started, submitted, ended, left.
    pause = execution.visited.index("Await the verdict on shadow longer")
    states_an_hour = (execution.visited.index("Rejected in shadow") - pause) / asked

    assert states_an_hour * 6 * 24 * 30 < 25_000


def test_a_canary_that_was_asked_too_little_waits_for_hours_not_by_its_minutes(known_attempt: dict[str, Any]) -> None:
    """Asked again each quarter of an hour, an execution would have had its 25,000 events after eleven days."""
    execution = roll_out(
        known_attempt,
        await_the_verdict_on_canary_longer=LATE,
        judge_canary_at_last=[
            answer_function({**say("continue", "it was asked 0 times; at least 20 are needed"), "paused": False}),
            answer_function(say("promote")),
        ],
    )

    assert execution.visited.count("Await the verdict on canary longer") == 1
    assert execution.visited[-1] == "Completed"


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
