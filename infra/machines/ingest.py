"""INGEST: plan ▸ transform every chunk ▸ commit the snapshot; what cannot be read is refused with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from infra.machines.states import (
    CROWDED,
    DISCARD,
    TRANSIENT,
    State,
    catch_all,
    choose,
    equals,
    fail_as_caught,
    invoke_function,
    present,
    publish,
    succeed,
)
from noriba.errors import RefusedObjectError, UnknownUseCaseError
from noriba.events import DatasetSnapshotCreated, ObjectRefused

REFUSALS = (RefusedObjectError.__name__, UnknownUseCaseError.__name__)
"""Faults of the object: the execution has done its duty when it refuses it. Any other fault is ours, and an alarm."""


@dataclass(frozen=True)
class IngestProps:
    """What does the work, and where it is told; ARNs and a name."""

    bus_name: str
    plan_arn: str
    transform_arn: str
    commit_arn: str
    refuse_arn: str
    chunks_at_once: int


def describe_ingest(props: IngestProps) -> dict[str, State]:
    """The states; the input is S3's event."""
    planned = {name: f"$.planned.answer.{name}" for name in ("landed", "plan", "source")}
    mine = "$$.Execution.Id"
    return {
        "Plan": invoke_function(
            props.plan_arn,
            {"execution.$": mine, "event.$": "$"},
            result="$.planned",
            follow="Is it ours to do?",
            catch="Refuse",
        ),
        "Is it ours to do?": choose(
            (equals("$.planned.answer.claim", "claimed"), "Transform chunks"), otherwise="Dealt with elsewhere"
        ),
        "Dealt with elsewhere": succeed(),
        "Transform chunks": {
            "Type": "Map",
            "ItemsPath": f"{planned['plan']}.chunks",
            "MaxConcurrency": props.chunks_at_once,
            "ItemSelector": {
                "landed.$": planned["landed"],
                # The chunk says which rows; the other chunks need not travel with it.
                "plan": {
                    "format.$": f"{planned['plan']}.format",
                    "header.$": f"{planned['plan']}.header",
                    "chunks": [],
                },
                "chunk.$": "$$.Map.Item.Value",
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Transform",
                "States": {
                    "Transform": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Parameters": {"FunctionName": props.transform_arn, "Payload.$": "$"},
                        "Retry": [TRANSIENT, CROWDED],
                        # Chunks report to S3; the map's own result is limited to 256 KiB.
                        "OutputPath": "$.Payload",
                        "End": True,
                    }
                },
            },
            "ResultPath": DISCARD,
            **catch_all("Refuse"),
            "Next": "Commit",
        },
        "Commit": invoke_function(
            props.commit_arn,
            {"execution.$": mine, **{f"{name}.$": path for name, path in planned.items()}},
            result="$.commit",
            follow="Is there a new snapshot?",
            catch="Refuse",
        ),
        **refuse_and_settle(
            props,
            {"execution.$": mine, "event.$": "$", "failure.$": "$.failure"},
            execution=mine,
            follow="Was it refused?",
        ),
        "Was it refused?": choose((present("$.failure"), "Whose fault was it?"), otherwise="Ingested"),
        "Whose fault was it?": choose(
            *((equals("$.failure.Error", name), "Refused") for name in REFUSALS), otherwise="Failed"
        ),
        "Ingested": succeed(),
        "Refused": succeed(),
        "Failed": fail_as_caught(),
    }


def refuse_and_settle(props: IngestProps, task: State, *, execution: str, follow: str) -> dict[str, State]:
    """States from `Refuse` on, and, for whoever has committed, from `Is there a new snapshot?` on.

    Args:
        props: of the ingest.
        task: what the refuser is told.
        execution: a path to the execution that took the object.
        follow: the state after all of them.
    """
    return {
        "Refuse": invoke_function(props.refuse_arn, task, result="$.refusal", follow="Announce refusal"),
        "Announce refusal": publish(props.bus_name, ObjectRefused, "$.refusal.answer.refused", follow="Settle refusal"),
        # The others of a burst may have waited for this one; it is the last, so it commits what they brought.
        "Settle refusal": invoke_function(
            props.commit_arn,
            {"execution.$": execution, "landed.$": "$.refusal.answer.landed"},
            result="$.commit",
            follow="Is there a new snapshot?",
        ),
        "Is there a new snapshot?": choose(
            (equals("$.commit.answer.outcome", "created"), "Announce snapshot"), otherwise=follow
        ),
        "Announce snapshot": publish(props.bus_name, DatasetSnapshotCreated, "$.commit.answer.snapshot", follow=follow),
    }
