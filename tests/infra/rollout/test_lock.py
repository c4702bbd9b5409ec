"""The lock: whose it is, when it is freed for another, and that it is always given back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from noriba.events import RolledBack, RolloutCompleted
from tests.infra.executions import EXECUTION_ID, LATE, Failure
from tests.infra.rollout.rollouts import (
    ASKING,
    ENDPOINT,
    GIVEN,
    HELD,
    LOOKING,
    MODEL,
    OTHER,
    STAGING,
    TAKEN,
    roll_out,
    visited_for_the_lock,
)
from tests.infra.test_machines import follow

RELEASED = {
    "Release the lock",
    "Release the lock after failure",
    "Let go",
    # TIDY tells what it could not, and lets go.
    "Completion was not told",
}


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


OLDER = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/noriba-taxi-eta/6"


def ended(status: str, **said: str) -> dict[str, Any]:
    """What Step Functions says of another rollout that is over."""
    return {"Status": status, "Input": json.dumps({**GIVEN, "model_package_arn": OLDER}), **said}


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


@pytest.mark.parametrize("holder", [ended("ABORTED"), ended("FAILED", Error="CompletionUntoldError", Cause="no bus")])
def test_of_a_holder_whose_model_is_the_champion_it_is_told_that_it_completed(
    known_attempt: dict[str, Any], holder: dict[str, Any]
) -> None:
    """It was stopped between the record of the champion and the end."""
    theirs = f"{ENDPOINT}-v6-bbbbbbbb"
    execution = roll_out(
        known_attempt,
        take_the_lock=[TAKEN, {}],
        who_holds_the_lock={"Item": {**HELD["Item"], "model": {"S": theirs}}},
        look_at_its_holder=holder,
        who_is_the_champion_now={"Item": {"endpoint_config": {"S": theirs}}},
    )
    _source, kind, detail = execution.published[0]

    assert kind == "RolloutCompleted"
    assert RolloutCompleted.model_validate(detail) == RolloutCompleted(
        use_case="taxi_eta", model_package_arn=OLDER, endpoint_name=ENDPOINT
    )
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
