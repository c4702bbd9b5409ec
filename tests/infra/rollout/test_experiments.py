"""Experiments: however they end, the champion serves."""

from __future__ import annotations

from typing import Any

from tests.infra.executions import LATE, Failure, answer_function
from tests.infra.rollout.rollouts import CANARY, CHAMPION, EXPERIMENT, MODEL, describe, roll_out, say


def test_an_experiment_ends_with_the_champion_and_without_a_failure(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(
        known_attempt,
        EXPERIMENT,
        await_the_verdict_on_canary=LATE,
        judge_canary_at_last=answer_function({**say("reject", "its time is up"), "error": "ExperimentEnded"}),
        look_at_production_after_failure=[*[describe("InService", CANARY)] * 2, describe("InService")],
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
