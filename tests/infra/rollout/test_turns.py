"""Of several rollouts: who waits, who takes another's place, and who is too late."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.executions import Failure
from tests.infra.rollout.rollouts import (
    EXPERIMENT,
    HELD,
    LOOKING,
    OTHER,
    PACKAGE,
    PLAN,
    SHADOW,
    TAKEN,
    describe,
    roll_out,
    visited_for_the_lock,
)


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
