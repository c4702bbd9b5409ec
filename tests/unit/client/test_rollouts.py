"""What an execution of ROLLOUT says of itself, which one is under way, and what a person begins beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from noriba.aws.executions import Execution
from noriba.aws.ledger import RolloutLock
from noriba.aws.registry import ModelPackage
from noriba.client.rollouts import NoRolloutError, _describe, find_running, roll_back
from noriba.records.rollout import RolloutPlan, RolloutStep
from noriba.usecase import RolloutPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noriba.client import Session

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


@dataclass
class FakeHistory:
    """Executions of ROLLOUT, the newest first."""

    executions: list[Execution] = field(default_factory=list)

    def look_up(self, arn: str) -> Execution | None:
        return next((one for one in self.executions if one.arn == arn), None)

    def find_newest(self) -> Execution | None:
        return next(iter(self.executions), None)

    def list_newest(self, _most: int) -> Iterable[Execution]:
        return iter(self.executions)

    def start(self, given: str) -> str:
        arn = f"arn:e{len(self.executions)}"
        self.executions.insert(0, Execution(arn=arn, status="RUNNING", started_at=BEGAN, given=given))
        return arn


@dataclass
class Deployed:
    """A deployment with versions in these states, whose lock an execution may hold."""

    statuses: dict[int, str]
    serving: int | None = None
    lock: RolloutLock | None = None
    rollouts: FakeHistory = field(default_factory=FakeHistory)

    def as_session(self) -> Session:
        caller = SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:ada"})
        ledger = SimpleNamespace(
            read_rollout=lambda: self.lock,
            read_champion=lambda: self.serving and SimpleNamespace(model_package_arn=f"arn:x/{self.serving}"),
            list_steps=lambda _arn: [STEP.model_copy(update={"stage": "production"})],
        )
        session = SimpleNamespace(
            use_case_name="taxi_eta",
            prefix="noriba",
            ledger=ledger,
            clients=SimpleNamespace(sts=caller),
            deployment=SimpleNamespace(rollout_machine_arn="arn:m"),
            history=lambda _machine: self.rollouts,
            registry=SimpleNamespace(list_packages=lambda: [make_package(*one) for one in self.statuses.items()]),
        )
        return cast("Session", session)

    def hold_lock(self, status: str = "RUNNING", **given: Any) -> Execution:
        """An execution that took the lock, and never gave it back."""
        execution = Execution(arn="arn:holder", status=status, started_at=BEGAN, given=json.dumps(GIVEN | given))
        self.rollouts.executions.insert(0, execution)
        self.lock = RolloutLock(execution=execution.arn)
        return execution


def make_package(version: int, status: str) -> ModelPackage:
    return ModelPackage(
        arn=f"arn:x/{version}",
        group="noriba-taxi-eta",
        version=version,
        status=status,
        created_at=BEGAN,
        image_uri="image",
        model_data_uri="s3://models/model.tar.gz",
        metadata={},
    )


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
    ("version", "said"),
    [
        (None, "no earlier version was in production that is still approved"),
        (6, "version 6 is not approved; approve it: noriba approve 6"),
        (99, r"no version 99; versions of taxi_eta: 6 \(Rejected\), 7 \(Approved\)"),
    ],
)
def test_where_there_is_no_way_back_nothing_is_begun(version: int | None, said: str) -> None:
    deployed = Deployed({6: "Rejected", 7: "Approved"}, serving=7)

    with pytest.raises(NoRolloutError, match=said):
        roll_back(deployed.as_session(), version=version, reason="late at night")
    assert deployed.rollouts.executions == []
