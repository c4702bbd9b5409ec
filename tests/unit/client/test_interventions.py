"""Ending a rollout: what is told is what production serves."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from noriba.aws.executions import Execution
from noriba.aws.ledger import Champion, RolloutLock
from noriba.client.interventions import RolloutCompletedError, abort_rollout
from noriba.client.status import read_production
from noriba.client.waiting import StepFailedError
from tests.unit.client.deployments import BEGAN, make_package

if TYPE_CHECKING:
    from noriba.client import Session

EXECUTION = "arn:e1"
OLD, NEW = "noriba-taxi-eta-v7-aaaaaaaa", "noriba-taxi-eta-v8-bbbbbbbb"
HALF = "noriba-taxi-eta-canary-bbbbbbbb"


@dataclass
class Production:
    """An endpoint, and a rollout that is stopped at the moment in which something else happens."""

    serves: str
    becomes: str
    champion: str
    status: str = "RUNNING"
    ends: str = "ABORTED"
    approval: str = "Approved"
    shadow: bool = False

    def stop(self, _arn: str, *, cause: str) -> None:
        assert cause == "arn:ada: v8 is bad"
        self.status, self.serves = self.ends, self.becomes
        if self.becomes in {OLD, NEW}:
            self.champion = self.becomes

    def look_up(self, arn: str) -> Execution:
        return Execution(arn=arn, status=self.status, started_at=BEGAN)

    def describe_endpoint(self, **_name: str) -> dict[str, object]:
        shadows = {"ShadowProductionVariants": [{"VariantName": "v8", "CurrentWeight": 1.0}]} if self.shadow else {}
        return {
            "EndpointStatus": "InService",
            "EndpointConfigName": self.serves,
            "ProductionVariants": [{"VariantName": "v7", "CurrentWeight": 1.0}],
            **shadows,
        }

    def as_session(self) -> Session:
        def read_champion() -> Champion:
            version = self.champion.split("-")[3][1:]
            return Champion(model_package_arn=f"arn:x/{version}", model_data_uri="u", endpoint_config=self.champion)

        lock = RolloutLock(execution=EXECUTION, model=NEW)
        caller = SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:ada"})
        clients = SimpleNamespace(sts=caller, stepfunctions=None)
        session = SimpleNamespace(
            use_case_name="taxi_eta",
            prefix="noriba",
            ledger=SimpleNamespace(read_rollout=lambda: lock, read_champion=read_champion),
            at={"rollout": clients}.__getitem__,
            endpoints=self,
            deployment=SimpleNamespace(rollout_machine_arn="arn:m"),
            history=lambda _machine: self,
            registry=SimpleNamespace(find=lambda _arn: make_package(7, self.approval)),
        )
        return cast("Session", session)


@pytest.mark.parametrize("ends", ["SUCCEEDED", "ABORTED"])
def test_who_comes_too_late_is_told_that_the_new_version_serves(ends: str) -> None:
    """`Record champion` was a moment before: it had succeeded, or is cut off before it lets its lock go."""
    production = Production(serves="noriba-taxi-eta-canary-bbbbbbbb", becomes=NEW, champion=OLD, ends=ends)

    with pytest.raises(RolloutCompletedError, match=r"version 8 had taken over before .*: noriba rollback"):
        abort_rollout(production.as_session(), reason="v8 is bad")


@pytest.mark.parametrize(("served", "changed"), [(OLD, False), ("noriba-taxi-eta-canary-bbbbbbbb", True)])
def test_who_comes_in_time_is_told_whether_production_had_been_changed(served: str, changed: bool) -> None:
    production = Production(serves=served, becomes=OLD, champion=OLD)

    assert abort_rollout(production.as_session(), reason="v8 is bad") is changed


def test_who_ends_a_rollout_does_not_wait_for_what_cannot_come() -> None:
    """The champion was rejected beside the commands, so that TIDY cannot give production back to it."""
    production = Production(serves=HALF, becomes=HALF, champion=OLD, approval="Rejected")

    with pytest.raises(StepFailedError, match=r"the rollout is over, but .* version 7, .*: noriba approve 7"):
        abort_rollout(production.as_session(), reason="v8 is bad", limit_s=0)


@pytest.mark.parametrize(
    ("approval", "settled", "remedy"),
    [("Rejected", True, "noriba approve 7"), ("Approved", True, "noriba logs tidy-rollouts"), ("Rejected", False, "")],
)
def test_what_else_is_in_production_is_shown_and_what_to_do(approval: str, settled: bool, remedy: str) -> None:
    production = Production(serves=HALF, becomes=HALF, champion=OLD, approval=approval, shadow=True)

    variants, said = read_production(production.as_session(), settled=settled)

    assert variants == {"v7": 1.0, "v8 (shadow)": 1.0}
    assert (said or "").endswith(remedy)
    assert (said is None) is not settled


def test_of_production_that_is_the_champions_alone_nothing_is_said() -> None:
    production = Production(serves=OLD, becomes=OLD, champion=OLD, approval="Rejected")

    assert read_production(production.as_session(), settled=True) == (None, None)
