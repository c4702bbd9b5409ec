"""Waiting for an execution: what has ended is told, however it ended; what goes on is told when time is up."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from noriba.aws.executions import Execution
from noriba.client import StepFailedError, commit_erasure, waiting
from noriba.client.waiting import wait_for_end
from tests.unit.client.deployments import BEGAN

if TYPE_CHECKING:
    from noriba.aws.executions import MachineHistory
    from noriba.client import Session
    from noriba.records.erasure import Erasure

CAUSE = '{"errorMessage": "snapshot s-2 is there already", "errorType": "SnapshotExistsError"}'


@dataclass
class FakeHistory:
    """Executions that are seen in these states one after the other, then in the last; None is not known yet."""

    states: list[str | None]
    begun: list[str] = field(default_factory=list)

    def start(self, given: str) -> str:
        self.begun.append(given)
        return "arn:e"

    def look_up(self, arn: str) -> Execution | None:
        status = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        failed = {"error": "SnapshotExistsError", "cause": CAUSE} if status == "FAILED" else {}
        return None if status is None else Execution(arn=arn, status=status, started_at=BEGAN, **failed)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_S", 0.0)


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_an_execution_is_told_when_it_has_ended_however_it_did(end: str) -> None:
    """One that Step Functions does not know yet has only begun: what it says lags behind."""
    history = cast("MachineHistory", FakeHistory([None, "RUNNING", "RUNNING", end]))

    assert wait_for_end(history, "arn:e", "the monitor", limit_s=60.0).status == end


@pytest.mark.parametrize("state", ["RUNNING", None])
def test_one_that_goes_on_is_told_with_the_remedy(state: str | None) -> None:
    history = cast("MachineHistory", FakeHistory([state]))

    with pytest.raises(StepFailedError, match=r"^SETTLE did not end within 0 s; when it has, erase again$"):
        wait_for_end(history, "arn:e", "SETTLE", limit_s=0.0, remedy="when it has, erase again")


def test_who_erases_is_told_why_settle_failed() -> None:
    history = FakeHistory(["RUNNING", "FAILED"])
    session = SimpleNamespace(
        ledger=SimpleNamespace(begin_erasure=lambda _erasure: None),
        deployment=SimpleNamespace(settle_machine_arn="arn:m"),
        history=lambda _machine: history,
    )
    erasure = cast("Erasure", SimpleNamespace(key="taxi_eta/trips.parquet"))

    with pytest.raises(StepFailedError, match="SETTLE failed: SnapshotExistsError: snapshot s-2 is there already; fix"):
        commit_erasure(cast("Session", session), erasure)
    assert history.begun == ['{"execution": ""}']
