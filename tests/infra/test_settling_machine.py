"""SETTLE: what an ingest left behind is refused, or finished in its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from noriba.events import DatasetSnapshotCreated, ObjectErased, ObjectRefused
from tests.infra.executions import Execution, Failure, answer_function, run_machine
from tests.infra.test_ingest_machine import CREATED, LANDED, REFUSAL, WAITING

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

DEAD = "arn:aws:states:eu-west-1:123456789012:execution:ingest:dead"
FAILURE = {"Error": "IngestEndedError", "Cause": "it was stopped"}


@pytest.fixture(scope="session")
def definition(assembly: Assembly) -> dict[str, Any]:
    return assembly.machine("SettleMachine")


def find(*, settled: bool, number: int = 1) -> dict[str, Any]:
    one = {"execution": DEAD, "landed": LANDED.model_dump(), "failure": FAILURE, "settled": settled}
    return answer_function({"unsettled": [one] * number})


def settle(definition: dict[str, Any], found: dict[str, Any], **answers: dict[str, Any] | Failure) -> Execution:
    said: dict[str, Any] = {"Find unsettled": found, "Refuse": REFUSAL, "Settle refusal": CREATED, "Commit": CREATED}
    said |= {name.replace("_", " ").capitalize(): answer for name, answer in answers.items()}
    return run_machine(definition, {"execution": DEAD}, said)


def test_where_nothing_is_found_nothing_is_done(definition: dict[str, Any]) -> None:
    execution = settle(definition, answer_function({"unsettled": []}))

    assert execution.visited == ("Find unsettled", "Settle each", "All settled")
    assert execution.called("Find unsettled")["Payload"] == {"execution": DEAD}


def test_an_object_without_an_answer_is_refused_and_its_burst_committed(definition: dict[str, Any]) -> None:
    execution = settle(definition, find(settled=False))

    assert execution.called("Refuse")["Payload"] == {
        "execution": DEAD,
        "landed": LANDED.model_dump(),
        "failure": FAILURE,
    }
    assert [name for _source, name, _detail in execution.published] == ["ObjectRefused", "DatasetSnapshotCreated"]
    ObjectRefused.model_validate(execution.published[0][2])
    DatasetSnapshotCreated.model_validate(execution.published[1][2])
    assert execution.failure is None


@pytest.mark.parametrize("settled", [True, False])
def test_the_committer_acts_in_the_name_of_the_execution_that_ended(definition: dict[str, Any], settled: bool) -> None:
    state = "Commit" if settled else "Settle refusal"

    task = settle(definition, find(settled=settled)).called(state)["Payload"]

    assert task == {"execution": DEAD, "landed": LANDED.model_dump()}


def test_an_object_with_an_answer_is_not_refused(definition: dict[str, Any]) -> None:
    execution = settle(definition, find(settled=True))

    assert "Refuse" not in execution.visited
    assert [name for _source, name, _detail in execution.published] == ["DatasetSnapshotCreated"]


ERASED = ObjectErased(use_case="taxi_eta", key="taxi_eta/a.csv", versions=2, erased_by="arn:someone", reason="asked")


def test_an_erasure_is_told_once_and_the_snapshot_without_it_committed(definition: dict[str, Any]) -> None:
    landed = LANDED.model_copy(update={"version_id": ""}).model_dump()
    erasure = {"use_case": "taxi_eta", "entry": "erasure#6f96", "detail": ERASED.model_dump(mode="json")}
    one = {"execution": "erasure#6f96#t", "landed": landed, "settled": True, "erasure": erasure}

    execution = settle(definition, answer_function({"unsettled": [one]}))
    closed = execution.called("Close erasure")

    assert "Refuse" not in execution.visited
    assert [name for _source, name, _detail in execution.published] == ["ObjectErased", "DatasetSnapshotCreated"]
    assert ObjectErased.model_validate(execution.published[0][2]) == ERASED
    # Who has the erasure finished after an interruption does not hear of it every quarter of an hour.
    assert closed["Key"] == {"use_case": {"S": "taxi_eta"}, "entry": {"S": "erasure#6f96"}}
    assert closed["ExpressionAttributeValues"] == {":no": {"BOOL": False}}


def test_no_snapshot_is_announced_while_others_are_at_work(definition: dict[str, Any]) -> None:
    execution = settle(definition, find(settled=False), settle_refusal=WAITING)

    assert [name for _source, name, _detail in execution.published] == ["ObjectRefused"]


def test_several_are_settled_one_after_the_other(definition: dict[str, Any]) -> None:
    execution = settle(definition, find(settled=False, number=3), settle_refusal=WAITING)

    assert execution.visited.count("Refuse") == 3
    assert definition["States"]["Settle each"]["MaxConcurrency"] == 1


def test_what_cannot_be_settled_is_a_failure_and_so_an_alarm(definition: dict[str, Any]) -> None:
    execution = settle(definition, find(settled=False), refuse=Failure("ClientError", "AccessDenied"))

    assert execution.failure is not None
