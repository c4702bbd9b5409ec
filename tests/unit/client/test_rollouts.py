"""What an execution of ROLLOUT says of itself, which one is under way, and what a person begins beside it."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.aws.executions import Execution
from noriba.aws.ledger import RolloutLock
from noriba.client.models import NoSuchModelError, NotApprovedError
from noriba.client.rollout_history import (
    NoRolloutError,
    UnderWayError,
    describe_rollout,
    find_running,
    leave_out_abandoned,
    list_rollouts,
)
from noriba.client.rollouts import approve_model, describe_approval, roll_back
from noriba.records.rollout import RolloutPlan, RolloutStep
from noriba.usecase import RolloutPolicy
from tests.unit.client.deployments import BEGAN, GIVEN, STEP, Deployed, make_package

if TYPE_CHECKING:
    from noriba.errors import NoribaError


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
    return describe_rollout(FakeSession(), Execution(arn="arn:e", started_at=BEGAN, given=text, **(ended | changes)))  # type: ignore[arg-type]  # a fake


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


@pytest.mark.parametrize(
    ("stage", "serves", "status", "reached"),
    [
        ("production", True, "FAILED", True),
        ("production", True, "ABORTED", True),
        ("production", False, "FAILED", False),
        # Of an earlier version, that did not keep it.
        ("production", False, "SUCCEEDED", True),
        ("canary", False, "SUCCEEDED", False),
    ],
)
def test_who_served_was_in_production_however_its_execution_ended(
    monkeypatch: pytest.MonkeyPatch, stage: str, serves: bool, status: str, reached: bool
) -> None:
    step = RolloutStep(stage=stage, began_at=BEGAN, serves=serves)
    monkeypatch.setattr(FakeLedger, "list_steps", lambda *_: [step])

    assert describe(GIVEN, status=status).reached_production is reached


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


def test_a_rollout_is_under_way_while_the_holder_of_the_lock_runs() -> None:
    deployed = Deployed({7: "Approved"})
    holder = deployed.hold_lock()

    assert find_running(deployed.as_session()) == (RolloutLock(execution=holder.arn), holder)


def test_a_lock_whose_holder_was_stopped_or_forgotten_says_nothing_is_under_way() -> None:
    stopped, forgotten = Deployed({}), Deployed({}, lock=RolloutLock(execution="arn:gone"))
    stopped.hold_lock(status="ABORTED")

    assert find_running(stopped.as_session()) is None
    assert find_running(forgotten.as_session()) is None
    assert find_running(Deployed({}).as_session()) is None


def test_without_a_version_the_way_back_is_the_newest_that_served_before_and_is_still_approved() -> None:
    deployed = Deployed({4: "Approved", 5: "Approved", 6: "Rejected", 7: "Approved"}, serving=7)
    deployed.rollouts.executions = [
        Execution(
            arn=f"arn:v{version}", status="SUCCEEDED", started_at=BEGAN, given=json.dumps(GIVEN | {"version": version})
        )
        for version in (7, 6, 3, 5, 4)
    ]

    back = roll_back(deployed.as_session(), version=None, reason="late at night")

    begun = deployed.rollouts.executions[0]
    assert (back.package.version, back.serving, back.execution) == (5, 7, begun.arn)
    assert json.loads(begun.given)["rollback"] == {"by": "arn:ada", "reason": "late at night"}


@pytest.mark.parametrize(
    ("version", "error", "said"),
    [
        (None, NoRolloutError, "no earlier version was in production that is still approved"),
        (6, NotApprovedError, "version 6 is not approved; approve it: noriba approve 6"),
        (99, NoSuchModelError, r"no version 99; versions of taxi_eta: 6 \(Rejected\), 7 \(Approved\)"),
    ],
)
def test_where_there_is_no_way_back_nothing_is_begun(version: int | None, error: type[NoribaError], said: str) -> None:
    deployed = Deployed({6: "Rejected", 7: "Approved"}, serving=7)

    with pytest.raises(error, match=said):
        roll_back(deployed.as_session(), version=version, reason="late at night")
    assert deployed.rollouts.executions == []


def test_who_approves_while_an_experiment_runs_is_told_that_it_ends() -> None:
    deployed = Deployed({7: "Approved", 8: "PendingManualApproval"}, serving=6)
    deployed.hold_lock(purpose="experiment", version=7)

    begun = approve_model(deployed.as_session(), make_package(8, "PendingManualApproval"), note="better")

    assert deployed.statuses[8] == "Approved"
    assert begun.tried == 7
    assert describe_approval(begun) == (
        "version 8 approved; it is to take the place of version 6; the experiment with version 7 ends for it"
    )


def test_who_goes_back_while_an_experiment_runs_is_told_so_too() -> None:
    deployed = Deployed({5: "Approved", 7: "Approved"})
    deployed.serve(5, 6)
    deployed.hold_lock(purpose="experiment", version=7)

    assert roll_back(deployed.as_session(), version=5, reason="late at night").tried == 7


@pytest.mark.parametrize(("status", "purpose"), [("RUNNING", "promotion"), ("ABORTED", "experiment")])
def test_of_an_experiment_that_does_not_run_nothing_is_said(
    status: str, purpose: Literal["promotion", "experiment"]
) -> None:
    deployed = Deployed({8: "PendingManualApproval"}, serving=6)
    deployed.hold_lock(status, purpose=purpose, version=7)

    begun = approve_model(deployed.as_session(), make_package(8, "PendingManualApproval"), note="better")

    assert begun.tried is None
    assert describe_approval(begun) == "version 8 approved; it is to take the place of version 6"


def test_a_version_that_was_never_in_production_is_no_way_back() -> None:
    """Its own rollout may have rejected it, and it is approved all the same."""
    deployed = Deployed({5: "Approved", 6: "Approved", 7: "Approved"})
    deployed.serve(5, 6)
    deployed.hold_lock("FAILED", version=7, model_package_arn="arn:x/7")

    with pytest.raises(NoRolloutError, match=r"version 7 was not in production .*: noriba approve 7"):
        roll_back(deployed.as_session(), version=7, reason="it looked good")
    assert roll_back(deployed.as_session(), version=5, reason="late at night").package.version == 5


def test_each_way_back_is_a_step_further_and_never_to_what_was_just_left() -> None:
    deployed = Deployed({1: "Approved", 2: "Approved", 3: "Approved"})
    deployed.serve(1, 2, 3)
    went = []
    for _ in range(2):
        went.append(roll_back(deployed.as_session(), version=None, reason="late at night").package.version)
        deployed.rollouts.executions.pop(0)
        deployed.serve(went[-1], back=True)

    assert went == [2, 1]
    with pytest.raises(NoRolloutError, match="no earlier version was in production"):
        roll_back(deployed.as_session(), version=None, reason="late at night")


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=12))
def test_ways_back_take_off_what_approvals_put_on(moves: list[tuple[bool, int]]) -> None:
    """Against a pile: an approval puts its version on top; a way back takes off all above where it goes."""
    deployed, pile = Deployed({}), list[int]()
    for back, version in moves:
        is_way_back = back and version in pile
        deployed.serve(version, back=is_way_back)
        while is_way_back and pile[-1] != version:
            pile.pop()
        if not is_way_back:
            pile.append(version)

    found = list(leave_out_abandoned(list_rollouts(deployed.as_session())))

    # What a way back went to stands there once for itself, and once for the approval.
    assert [one for one, _ in itertools.groupby(found)] == [one for one, _ in itertools.groupby(reversed(pile))]


def test_what_is_under_way_already_is_not_begun_anew() -> None:
    deployed = Deployed({8: "Approved"}, serving=6)
    deployed.hold_lock(version=8)

    with pytest.raises(UnderWayError, match="version 8 is being rolled out already, and nothing was changed"):
        approve_model(deployed.as_session(), make_package(8, "Approved"), note="impatient")
    assert deployed.lock is not None


def test_what_an_experiment_tries_may_be_approved_to_take_over() -> None:
    deployed = Deployed({8: "Approved"}, serving=6)
    plan = RolloutPlan.of_experiment(RolloutPolicy(), percent=50, lasts_s=3600).model_dump(mode="json")
    deployed.hold_lock(purpose="experiment", version=8, plan=plan)

    assert approve_model(deployed.as_session(), make_package(8, "Approved"), note="fewer cancel").tried == 8
