"""SETTLE: what an ingest left behind when it was stopped, ran out of time or failed where nothing catches.

It also tells of what somebody has erased, and commits the snapshot without it.

Until it is settled, its object holds up every snapshot of its use case. It is refused, so that whoever landed it hears
of it, and the others of its burst are committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.ingest import refuse_and_settle
from infra.machines.states import (
    DISCARD,
    State,
    call,
    choose,
    invoke_function,
    is_true,
    present,
    publish,
    succeed,
)
from noriba.events import ObjectErased

if TYPE_CHECKING:
    from infra.machines.ingest import IngestProps

ENDED_BADLY = ["ABORTED", "TIMED_OUT", "FAILED"]


def describe_settling(props: IngestProps, *, find_arn: str, ledger_table: str) -> dict[str, State]:
    """The states; the input names the `execution` that ended, or "" to look at everything."""
    return {
        "Find unsettled": invoke_function(
            find_arn, {"execution.$": "$.execution"}, result="$.found", follow="Settle each"
        ),
        "Settle each": {
            "Type": "Map",
            "ItemsPath": "$.found.answer.unsettled",
            # One after the other: the last one commits a snapshot for all of them.
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "StartAt": "Is it being erased?",
                "States": {
                    "Is it being erased?": choose(
                        (present("$.erasure"), "Announce erasure"), otherwise="Is it settled itself?"
                    ),
                    "Announce erasure": publish(
                        props.bus_name, ObjectErased, "$.erasure.detail", follow="Close erasure"
                    ),
                    "Close erasure": call(
                        "arn:aws:states:::dynamodb:updateItem",
                        {
                            "TableName": ledger_table,
                            "Key": {"use_case": {"S.$": "$.erasure.use_case"}, "entry": {"S.$": "$.erasure.entry"}},
                            "UpdateExpression": "SET #open = :no",
                            "ExpressionAttributeNames": {"#open": "open"},
                            "ExpressionAttributeValues": {":no": {"BOOL": False}},
                        },
                        follow="Commit",
                    ),
                    "Is it settled itself?": choose((is_true("$.settled"), "Commit"), otherwise="Refuse"),
                    # It may have ended between settling its object and the news of a snapshot.
                    "Commit": invoke_function(
                        props.commit_arn,
                        {"execution.$": "$.execution", "landed.$": "$.landed"},
                        result="$.commit",
                        follow="Is there a new snapshot?",
                    ),
                    **refuse_and_settle(
                        props,
                        {"execution.$": "$.execution", "landed.$": "$.landed", "failure.$": "$.failure"},
                        execution="$.execution",
                        follow="Settled",
                    ),
                    "Settled": succeed(),
                },
            },
            "ResultPath": DISCARD,
            "Next": "All settled",
        },
        "All settled": succeed(),
    }
