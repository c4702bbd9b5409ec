"""What an execution of ROLLOUT says of itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from noriba.aws.executions import Execution
from noriba.client.rollouts import _describe
from noriba.records.rollout import RolloutPlan, RolloutStep
from noriba.usecase import RolloutPolicy

BEGAN = datetime(2026, 7, 1, 12, tzinfo=UTC)
GIVEN = {"use_case": "taxi_eta", "endpoint_name": "e", "model_package_arn": "arn:x/7", "version": 7}


STEP = RolloutStep(stage="staging", began_at=BEGAN)


class FakeLedger:
    """A ledger in which every rollout has entered one stage."""

    def list_steps(self, _execution: str) -> list[RolloutStep]:
        return [STEP]


class FakeSession:
    """A session of taxi_eta."""

    use_case_name = "taxi_eta"
    ledger = FakeLedger()


def describe(given: object, **changes: Any) -> Any:
    text = given if isinstance(given, str) else json.dumps(given)
    ended = {"status": "SUCCEEDED", "ended_at": BEGAN + timedelta(seconds=90)}
    return _describe(FakeSession(), Execution(arn="arn:e", started_at=BEGAN, given=text, **(ended | changes)))  # type: ignore[arg-type]  # a fake


def test_an_approval_and_a_way_back_are_told_apart() -> None:
    approved = describe(GIVEN)
    back = describe(GIVEN | {"rollback": {"by": "arn:ops", "reason": "late at night"}})

    assert (approved.version, approved.status) == (7, "succeeded")
    assert (approved.cause, approved.failure, approved.steps) == ("approval", None, (STEP,))
    assert back.cause == "back, by arn:ops: late at night"


def test_a_failure_is_told_by_its_own_message() -> None:
    cause = json.dumps({"errorMessage": "golden request 0: an answer is not a finite number"})
    failed = describe(GIVEN, status="FAILED", error="GoldenRequestsFailedError", cause=cause)

    assert failed.failure == "GoldenRequestsFailedError: golden request 0: an answer is not a finite number"


@pytest.mark.parametrize("given", ["", "no json", "[]", "{}", {"use_case": "taxi_eta"}, GIVEN | {"version": "new"}])
def test_what_somebody_else_started_hides_no_other(given: object) -> None:
    assert describe(given) is None


def test_rollouts_of_another_use_case_are_not_among_them() -> None:
    assert describe(GIVEN | {"use_case": "scooter_energy"}) is None


def test_an_experiment_that_came_to_its_end_is_no_success_and_no_failure() -> None:
    plan = RolloutPlan.of_experiment(RolloutPolicy(), percent=50, lasts_s=3600).model_dump(mode="json")
    asked = {"by": "arn:ops", "reason": "do fewer cancel?"}
    found = describe(GIVEN | {"plan": plan, "experiment": asked})

    assert (found.status, found.cause) == ("ended", "experiment, by arn:ops: do fewer cancel?")
    assert found.plan.canary[0].challenger == 50
