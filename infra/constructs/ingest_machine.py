"""INGEST: plan ▸ transform every chunk ▸ commit the snapshot; what cannot be read is refused with its reason."""

from __future__ import annotations

from infra.constructs.states import (
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

MOST_CHUNKS_AT_ONCE = 40
REFUSALS = (RefusedObjectError.__name__, UnknownUseCaseError.__name__)
"""Faults of the object: the execution has done its duty when it refuses it. Any other fault is ours, and an alarm."""


def describe_ingest(
    *, bus_name: str, plan_arn: str, transform_arn: str, commit_arn: str, refuse_arn: str
) -> dict[str, State]:
    """The states; the input is S3's event."""
    planned = {name: f"$.planned.answer.{name}" for name in ("landed", "plan", "source")}
    return {
        "Plan": invoke_function(
            plan_arn,
            {"execution.$": "$$.Execution.Id", "event.$": "$"},
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
            "MaxConcurrency": MOST_CHUNKS_AT_ONCE,
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
                        "Parameters": {"FunctionName": transform_arn, "Payload.$": "$"},
                        "Retry": [TRANSIENT],
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
            commit_arn,
            {"execution.$": "$$.Execution.Id", **{f"{name}.$": path for name, path in planned.items()}},
            result="$.commit",
            follow="Is there a new snapshot?",
            catch="Refuse",
        ),
        "Refuse": invoke_function(
            refuse_arn, {"event.$": "$", "failure.$": "$.failure"}, result="$.refusal", follow="Announce refusal"
        ),
        "Announce refusal": publish(bus_name, ObjectRefused, "$.refusal.answer.refused", follow="Settle refusal"),
        # The others of a burst may have waited for this one; it is the last, so it commits what they brought.
        "Settle refusal": invoke_function(
            commit_arn,
            {"execution.$": "$$.Execution.Id", "landed.$": "$.refusal.answer.landed"},
            result="$.commit",
            follow="Is there a new snapshot?",
        ),
        "Is there a new snapshot?": choose(
            (equals("$.commit.answer.outcome", "created"), "Announce snapshot"), otherwise="Was it refused?"
        ),
        "Announce snapshot": publish(
            bus_name, DatasetSnapshotCreated, "$.commit.answer.snapshot", follow="Was it refused?"
        ),
        "Was it refused?": choose((present("$.failure"), "Whose fault was it?"), otherwise="Ingested"),
        "Whose fault was it?": choose(
            *((equals("$.failure.Error", name), "Refused") for name in REFUSALS), otherwise="Failed"
        ),
        "Ingested": succeed(),
        "Refused": succeed(),
        "Failed": fail_as_caught(),
    }
