"""Last: the new champion is known to everybody."""

from __future__ import annotations

from infra.machines.ledger import name_key, name_step
from infra.machines.rollout.lock import release_lock
from infra.machines.rollout.props import RESTORE, RolloutProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    publish,
    put,
    regardless,
    succeed,
)
from noriba.events import RolloutCompleted
from noriba.records import ledger_entries as entries
from noriba.records.executions import COMPLETION_UNTOLD


def complete(props: RolloutProps) -> dict[str, State]:
    """States that record the champion, tell of it and release the lock."""
    return {
        "Record champion": call(
            "arn:aws:states:::dynamodb:putItem",
            {
                "TableName": props.ledger_table,
                "Item": {
                    **name_key(entries.CHAMPION),
                    "model_package_arn": {"S.$": "$.model_package_arn"},
                    "model_data_uri": {"S.$": "$.package.model_data_uri"},
                    "endpoint_config": {"S.$": "$.names.model"},
                    "since": {"S.$": "$$.State.EnteredTime"},
                },
            },
            follow="Keep that it serves",
            # A champion that nobody knows of is none: TIDY would take it back, too.
            **catch_all(RESTORE),
        ),
        # However its execution ends from here on: whoever goes back later looks for versions that served.
        "Keep that it serves": call(
            "arn:aws:states:::dynamodb:updateItem",
            {
                "TableName": props.ledger_table,
                "Key": name_step("production"),
                "UpdateExpression": "SET serves = :true",
                "ExpressionAttributeValues": {":true": {"BOOL": True}},
            },
            follow="Announce completion",
            **regardless("Announce completion"),
        ),
        "Announce completion": publish(
            props.bus_name,
            RolloutCompleted,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.model_package_arn",
                "endpoint_name.$": "$.endpoint_name",
            },
            follow="Release the lock",
            **catch_all("Completion was not told"),
        ),
        # The new model answers: to say that production was left alone would be wrong. The lock stays for TIDY, which
        # says in its place what happened, and lets go.
        "Completion was not told": put(
            "$.failure",
            {
                "Error": COMPLETION_UNTOLD,
                "Cause.$": "States.Format('{} serves; that could not be told, and TIDY tells it: {}', "
                "$.names.model, $.failure.Cause)",
            },
            follow="Failed",
        ),
        "Release the lock": release_lock(props.ledger_table, follow="Completed"),
        "Completed": succeed(),
    }
