"""What an execution writes into the lock's entry of the ledger, where judge, `predict` and TIDY read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.ledger import name_key
from noriba.records import ledger_entries as entries

if TYPE_CHECKING:
    from infra.machines.states import State


def update_lock(table: str, values: State, *, remove: str | None = None, where: str | None = None) -> State:
    """Parameters that set attributes of the lock's entry, as long as it is the execution's own.

    Args:
        table: the ledger's.
        values: by attribute.
        remove: an attribute that goes.
        where: a condition besides, in which `#name` stands for an attribute that is set or goes.
    """
    names = [*values, *([] if remove is None else [remove])]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    return {
        "TableName": table,
        "Key": name_key(entries.ROLLOUT),
        "UpdateExpression": expression if remove is None else f"{expression} REMOVE #{remove}",
        "ConditionExpression": "execution = :mine" if where is None else f"execution = :mine AND {where}",
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
        "ExpressionAttributeValues": {
            **{f":{name}": value for name, value in values.items()},
            ":mine": {"S.$": "$$.Execution.Id"},
        },
    }
