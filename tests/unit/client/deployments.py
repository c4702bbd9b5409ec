"""A deployment with models and rollouts, held in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

from noriba.aws.executions import Execution
from noriba.aws.ledger import RolloutLock
from noriba.aws.places import PARTS
from noriba.aws.registry import ModelPackage
from noriba.records.rollout import RolloutStep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noriba.client import Session

BEGAN = datetime(2026, 7, 1, 12, tzinfo=UTC)
GIVEN = {"use_case": "taxi_eta", "endpoint_name": "e", "model_package_arn": "arn:x/7", "version": 7}
STEP = RolloutStep(stage="staging", began_at=BEGAN)


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

    def list_running(self) -> Iterable[Execution]:
        return (one for one in self.executions if one.is_running)

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
            at={part: SimpleNamespace(sts=caller) for part in PARTS}.__getitem__,
            deployment=SimpleNamespace(rollout_machine_arn="arn:m"),
            history=lambda _machine: self.rollouts,
            as_approver=lambda: SimpleNamespace(approve=self._approve, reject=self._reject),
            registry=SimpleNamespace(list_packages=lambda: [make_package(*one) for one in self.statuses.items()]),
        )
        return cast("Session", session)

    def _approve(self, arn: str, *, note: str) -> None:
        """By the time that somebody has approved, the lock may be another's."""
        assert note
        self.statuses[int(arn.rpartition("/")[2])] = "Approved"
        self.lock = None

    def _reject(self, arn: str, *, note: str) -> None:
        assert note
        self.statuses[int(arn.rpartition("/")[2])] = "Rejected"

    def serve(self, *versions: int, back: bool = False) -> None:
        """One after the other in production, by approvals or by ways back; the last one serves."""
        for version in versions:
            given = {**GIVEN, "version": version, "model_package_arn": f"arn:x/{version}"}
            if back:
                given["rollback"] = {"by": "arn:ops", "reason": "late at night"}
            arn = f"arn:served{len(self.rollouts.executions)}"
            served = Execution(arn=arn, status="SUCCEEDED", started_at=BEGAN, given=json.dumps(given))
            self.rollouts.executions.insert(0, served)
            self.serving = version

    def hold_lock(
        self, status: str = "RUNNING", *, purpose: Literal["promotion", "experiment"] = "promotion", **given: Any
    ) -> Execution:
        """An execution that took the lock, and never gave it back."""
        execution = Execution(arn="arn:holder", status=status, started_at=BEGAN, given=json.dumps(GIVEN | given))
        self.rollouts.executions.insert(0, execution)
        self.lock = RolloutLock(execution=execution.arn, purpose=purpose)
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
