"""Last: the new champion is known to everybody."""

from __future__ import annotations

from infra.machines.ledger import name_key
from infra.machines.rollout.lock import release_lock
from infra.machines.rollout.props import GIVE_UP, RESTORE, RolloutProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    publish,
    succeed,
)
from noriba.events import RolloutCompleted
from noriba.records import ledger_entries as entries


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
            follow="Announce completion",
            # A champion that nobody knows of is none: TIDY would take it back, too.
            **catch_all(RESTORE),
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
            # The new model answers: to say that production was left alone would be wrong.
            **catch_all(GIVE_UP),
        ),
        "Release the lock": release_lock(props.ledger_table, follow="Completed"),
        "Completed": succeed(),
    }
