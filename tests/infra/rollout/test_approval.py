"""What may be rolled out: the package that was approved, as it was registered, once."""

from __future__ import annotations

from typing import Any

import pytest

from noriba.records.rollout import DIRECT
from tests.infra.rollout.rollouts import (
    APPROVED,
    CANARY,
    CHAMPION,
    IMAGE,
    MISSING,
    MODEL_URI,
    PACKAGE,
    PLAN,
    SHADOW,
    TAKEN,
    describe,
    roll_out,
)


def test_an_approval_that_was_withdrawn_while_it_waited_is_let_go(known_attempt: dict[str, Any]) -> None:
    execution = roll_out(known_attempt, look_at_the_approval_again={**APPROVED, "ModelApprovalStatus": "Rejected"})

    assert execution.visited[-2:] == ("Let go", "Approval was withdrawn")
    assert execution.called("Let go")["ConditionExpression"] == "execution = :mine"


@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
def test_an_approval_withdrawn_meanwhile_ends_it_before_anything_is_touched(
    known_attempt: dict[str, Any], status: str
) -> None:
    execution = roll_out(known_attempt, read_package={**APPROVED, "ModelApprovalStatus": status})

    assert execution.visited[-1] == "Approval was withdrawn"
    assert [state for state, _ in execution.calls] == ["Read package"]


@pytest.mark.parametrize(("stage", "left"), [("the canary", SHADOW), ("production", CANARY)])
@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
def test_an_approval_withdrawn_while_the_two_were_compared_gives_production_back(
    known_attempt: dict[str, Any], stage: str, left: str, status: str
) -> None:
    asked = f"look_at_the_approval_before_{stage.replace(' ', '_')}"
    execution = roll_out(
        known_attempt,
        **{asked: {**APPROVED, "ModelApprovalStatus": status}},
        look_at_production_after_failure=[
            *[describe("InService", left)] * (2 if left == CANARY else 1),
            describe("InService"),
        ],
    )

    assert execution.called("Restore the champion")["EndpointConfigName"] == CHAMPION
    assert f"Update endpoint for {stage.removeprefix('the ')}" not in execution.visited
    assert execution.failure is not None
    assert execution.failure.error == "ApprovalWithdrawnError"
    assert execution.published[-1][1:] == (
        "RolledBack",
        {
            "use_case": "taxi_eta",
            "model_package_arn": PACKAGE,
            "error": "ApprovalWithdrawnError",
            "reason": f"the package was no longer approved before {stage}",
        },
    )


@pytest.mark.parametrize(
    ("plan", "more"),
    [(DIRECT, {}), (PLAN, {"is_there_a_champion": MISSING, "is_there_an_endpoint": MISSING})],
    ids=["straight to production", "the first model"],
)
def test_whichever_way_production_is_reached_it_must_be_approved(
    known_attempt: dict[str, Any], plan: Any, more: dict[str, Any]
) -> None:
    withdrawn = {**APPROVED, "ModelApprovalStatus": "Rejected"}
    execution = roll_out(known_attempt, plan, look_at_the_approval_before_production=withdrawn, **more)

    assert "Configure production" not in execution.visited
    assert execution.published[-1][2]["error"] == "ApprovalWithdrawnError"


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
