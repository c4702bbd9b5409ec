"""Ending a rollout: what is told is what production serves."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from noriba.aws.executions import Execution
from noriba.aws.ledger import Champion, RolloutLock
from noriba.client.interventions import RolloutCompletedError, abort_rollout
from tests.unit.client.deployments import BEGAN

if TYPE_CHECKING:
    from noriba.client import Session

EXECUTION = "arn:e1"
OLD, NEW = "noriba-taxi-eta-v7-aaaaaaaa", "noriba-taxi-eta-v8-bbbbbbbb"


@dataclass
class Production:
    """An endpoint, and a rollout that is stopped at the moment in which something else happens."""

    serves: str
    becomes: str
    champion: str
    status: str = "RUNNING"
    ends: str = "ABORTED"

    def stop(self, _arn: str, *, cause: str) -> None:
        assert cause == "arn:ada: v8 is bad"
        self.status, self.serves = self.ends, self.becomes
        self.champion = self.becomes

    def look_up(self, arn: str) -> Execution:
        return Execution(arn=arn, status=self.status, started_at=BEGAN)

    def describe_endpoint(self, **_name: str) -> dict[str, object]:
        variant = {"VariantName": "v7"}
        return {"EndpointStatus": "InService", "EndpointConfigName": self.serves, "ProductionVariants": [variant]}

    def as_session(self) -> Session:
        def read_champion() -> Champion:
            version = self.champion.split("-")[3][1:]
            return Champion(model_package_arn=f"arn:x/{version}", model_data_uri="u", endpoint_config=self.champion)

        lock = RolloutLock(execution=EXECUTION, model=NEW)
        session = SimpleNamespace(
            use_case_name="taxi_eta",
            prefix="noriba",
            ledger=SimpleNamespace(read_rollout=lambda: lock, read_champion=read_champion),
            clients=SimpleNamespace(
                sts=SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:ada"}), sagemaker=self, stepfunctions=None
            ),
            deployment=SimpleNamespace(rollout_machine_arn="arn:m"),
            history=lambda _machine: self,
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
