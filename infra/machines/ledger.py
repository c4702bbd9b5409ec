"""The ledger as states name its entries; which entries there are, `noriba.records.ledger_entries` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.machines.states import State


def name_key(entry: str, of: str | None = None) -> State:
    """The key of an entry of the execution's use case.

    Args:
        entry: an entry, or the beginning of one that goes on with a name.
        of: the path to that name.
    """
    named = {"S": entry} if of is None else {"S.$": f"States.Format('{entry}{{}}', {of})"}
    return {"use_case": {"S.$": "$.use_case"}, "entry": named}
