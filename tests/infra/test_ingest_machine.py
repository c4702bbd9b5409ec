"""INGEST: what happens to a landed object, whoever's fault it is when something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from noriba.events import DatasetSnapshotCreated, ObjectRefused, S3ObjectCreated
from noriba.records.ingest import Chunk, FilePlan, LandedObject
from tests.infra.executions import EXECUTION_ID, Execution, Failure, answer_function, run_machine

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

EVENT = {
    "source": S3ObjectCreated.source,
    "detail-type": S3ObjectCreated.aws_detail_type,
    "detail": {
        "bucket": {"name": "raw"},
        "object": {"key": "taxi_eta/a.csv", "size": 90, "etag": "e", "version-id": "v1", "sequencer": "01"},
    },
}
LANDED = LandedObject.from_event(EVENT)
PLAN = FilePlan(
    format="csv",
    header=("pickup", "dropoff"),
    chunks=(Chunk(index=0, first=0, last=50), Chunk(index=1, first=50, last=90)),
)
SNAPSHOT = DatasetSnapshotCreated(
    use_case="taxi_eta",
    snapshot_id="s1",
    manifest_uri="s3://datasets/taxi_eta/snapshots/s1/manifest.json",
    rows_read=2,
    rows_kept=2,
    rows_quarantined=0,
)
REFUSED = ObjectRefused(
    use_case="taxi_eta", bucket="raw", key="taxi_eta/a.csv", version_id="v1", error="E", reason="no header"
)

CLAIMED = answer_function(
    {
        "claim": "claimed",
        "landed": LANDED.model_dump(),
        "plan": PLAN.model_dump(mode="json"),
        "source": "nyc_yellow",
    }
)
TRANSFORMED = answer_function({"read": 1, "kept": 1, "quarantined": 0})
CREATED = answer_function({"outcome": "created", "snapshot": SNAPSHOT.model_dump(mode="json")})
WAITING = answer_function({"outcome": "waiting", "pending": 2})
REFUSAL = answer_function({"landed": LANDED.model_dump(), "refused": REFUSED.model_dump(mode="json")})


@pytest.fixture(scope="session")
def definition(assembly: Assembly) -> dict[str, Any]:
    return assembly.machine("IngestMachine")


def ingest(definition: dict[str, Any], **answers: dict[str, Any] | Failure) -> Execution:
    """An ingest in which all goes well but for what is said; `commit` is also asked to settle a refusal."""
    good = {"plan": CLAIMED, "transform": TRANSFORMED, "commit": CREATED, "refuse": REFUSAL, "settle": WAITING}
    said = {**good, **answers}
    states = {"plan": "Plan", "transform": "Transform", "commit": "Commit", "refuse": "Refuse"}
    states["settle"] = "Settle refusal"
    return run_machine(definition, EVENT, {states[name]: answer for name, answer in said.items()})


def test_a_good_object_becomes_a_snapshot(definition: dict[str, Any]) -> None:
    execution = ingest(definition)

    assert execution.visited == (
        "Plan",
        "Is it ours to do?",
        "Transform chunks",
        "Transform",
        "Transform",
        "Commit",
        "Is there a new snapshot?",
        "Announce snapshot",
        "Was it refused?",
        "Ingested",
    )
    assert execution.output is not None


def test_the_planner_is_told_the_event_and_who_asks(definition: dict[str, Any]) -> None:
    assert ingest(definition).called("Plan") == {
        "FunctionName": "<PlanIngestFunction.Arn>",
        "Payload": {"execution": EXECUTION_ID, "event": EVENT},
    }


def test_the_committer_is_told_what_was_planned(definition: dict[str, Any]) -> None:
    assert ingest(definition).called("Commit")["Payload"] == {
        "execution": EXECUTION_ID,
        "landed": LANDED.model_dump(),
        "plan": PLAN.model_dump(mode="json"),
        "source": "nyc_yellow",
    }


def test_the_new_snapshot_is_announced(definition: dict[str, Any]) -> None:
    [(source, detail_type, detail)] = ingest(definition).published

    assert (source, detail_type) == ("noriba.data", "DatasetSnapshotCreated")
    assert DatasetSnapshotCreated.model_validate(detail) == SNAPSHOT


@pytest.mark.parametrize("outcome", ["unchanged", "waiting", "nothing_kept"])
def test_nothing_is_announced_where_no_snapshot_was_made(definition: dict[str, Any], outcome: str) -> None:
    execution = ingest(definition, commit=answer_function({"outcome": outcome}))

    assert execution.published == []
    assert execution.visited[-1] == "Ingested"


@pytest.mark.parametrize("claim", ["settled", "taken", "folder"])
def test_an_object_that_somebody_else_deals_with_or_nobody_needs_to_is_left_alone(
    definition: dict[str, Any], claim: str
) -> None:
    execution = ingest(definition, plan=answer_function({"claim": claim, "landed": LANDED.model_dump()}))

    assert execution.visited == ("Plan", "Is it ours to do?", "Dealt with elsewhere")
    assert execution.published == []


# --- chunks -----------------------------------------------------------------------------------------------------------


def test_chunks_are_mapped_over_child_executions_so_that_a_file_may_have_any_number(definition: dict[str, Any]) -> None:
    chunks = definition["States"]["Transform chunks"]

    assert chunks["Type"] == "Map"
    assert chunks["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    # A new account runs ten functions at once, and other files and the API need some of them.
    assert chunks["MaxConcurrency"] == 8
    # One chunk that fails ends the map: a snapshot with a hole would be worse than none.
    assert not chunks.keys() & {"ToleratedFailureCount", "ToleratedFailurePercentage"}


def test_every_chunk_is_transformed_by_itself(definition: dict[str, Any]) -> None:
    tasks = [parameters["Payload"] for state, parameters in ingest(definition).calls if state == "Transform"]
    tasks.sort(key=lambda task: task["chunk"]["index"])

    assert [Chunk.model_validate(task["chunk"]) for task in tasks] == list(PLAN.chunks)
    for task in tasks:
        assert LandedObject.model_validate(task["landed"]) == LANDED
        assert FilePlan.model_validate(task["plan"]) == PLAN.model_copy(update={"chunks": ()})


def test_each_chunk_travels_alone(definition: dict[str, Any]) -> None:
    """The payload of a child does not grow with the number of chunks."""
    selector = definition["States"]["Transform chunks"]["ItemSelector"]

    assert selector["chunk.$"] == "$$.Map.Item.Value"
    assert selector["plan"]["chunks"] == []
    assert {name.removesuffix(".$") for name in selector} == {"landed", "plan", "chunk"}
    assert {name.removesuffix(".$") for name in selector["plan"]} == FilePlan.model_fields.keys()


def test_what_chunks_report_is_not_gathered_by_the_map(definition: dict[str, Any]) -> None:
    """Their reports are objects; the map's result is limited to 256 KiB."""
    assert definition["States"]["Transform chunks"]["ResultPath"] is None


def test_a_chunk_that_fails_refuses_the_object(definition: dict[str, Any]) -> None:
    execution = ingest(definition, transform=Failure("MemoryError"))

    assert "Commit" not in execution.visited
    assert {"Refuse", "Announce refusal", "Settle refusal", "Failed"} <= set(execution.visited)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["plan", "commit"])
@pytest.mark.parametrize("error", ["RefusedObjectError", "UnknownUseCaseError"])
def test_an_object_that_is_no_good_is_refused_and_that_is_no_failure(
    definition: dict[str, Any], step: str, error: str
) -> None:
    execution = ingest(definition, **{step: Failure(error)})

    assert execution.failure is None
    assert execution.visited[-1] == "Refused"


@pytest.mark.parametrize("step", ["plan", "commit"])
def test_a_fault_of_our_own_refuses_the_object_too_and_fails(definition: dict[str, Any], step: str) -> None:
    execution = ingest(definition, **{step: Failure("ClientError", "AccessDenied")})

    assert execution.visited[-1] == "Failed"
    assert execution.failure == Failure("ClientError", "AccessDenied")
    assert [detail_type for _, detail_type, _ in execution.published] == ["ObjectRefused"]


def test_the_refuser_is_told_the_event_and_the_failure(definition: dict[str, Any]) -> None:
    execution = ingest(definition, plan=Failure("RefusedObjectError", "no header"))

    task = execution.called("Refuse")["Payload"]

    assert LandedObject.from_event(task["event"]) == LANDED
    assert task["failure"] == {"Error": "RefusedObjectError", "Cause": "no header"}
    assert task["execution"] == EXECUTION_ID


def test_a_refusal_is_announced_with_its_reason(definition: dict[str, Any]) -> None:
    [(source, detail_type, detail)] = ingest(definition, plan=Failure("RefusedObjectError")).published

    assert (source, detail_type) == ("noriba.data", "ObjectRefused")
    assert ObjectRefused.model_validate(detail) == REFUSED


def test_the_last_of_a_burst_commits_what_the_others_brought_though_it_is_refused_itself(
    definition: dict[str, Any],
) -> None:
    execution = ingest(definition, plan=Failure("RefusedObjectError"), settle=CREATED)

    assert execution.called("Settle refusal")["Payload"] == {"execution": EXECUTION_ID, "landed": LANDED.model_dump()}
    assert [detail_type for _, detail_type, _ in execution.published] == ["ObjectRefused", "DatasetSnapshotCreated"]
    assert execution.visited[-1] == "Refused"


def test_a_refusal_that_cannot_be_written_fails_loudly(definition: dict[str, Any]) -> None:
    execution = ingest(definition, plan=Failure("RefusedObjectError"), refuse=Failure("ClientError", "AccessDenied"))

    assert execution.failure is not None
    assert execution.failure.error == "ClientError"
    assert execution.published == []
