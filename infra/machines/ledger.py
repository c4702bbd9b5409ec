"""The ledger as states name its entries; which entries there are, `noriba.records.ledger_entries` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.records import ledger_entries as entries

if TYPE_CHECKING:
    from infra.machines.states import State


def name_step(stage: str, percent: str | None = None) -> State:
    """The key of a stage of the execution's own rollout.

    Args:
        stage: its name.
        percent: a path to the challenger's share, where a stage has several steps.
    """
    name = f"States.Format('{entries.ROLLOUT_STEP}{{}}#{stage}', $$.Execution.Name)"
    if percent is not None:
        name = f"States.Format('{entries.ROLLOUT_STEP}{{}}#{stage}-{{}}', $$.Execution.Name, {percent})"
    return {"use_case": {"S.$": "$.use_case"}, "entry": {"S.$": name}}


def name_key(entry: str, of: str | None = None) -> State:
    """The key of an entry of the execution's use case.

    Args:
        entry: an entry, or the beginning of one that goes on with a name.
        of: the path to that name.
    """
    named = {"S": entry} if of is None else {"S.$": f"States.Format('{entry}{{}}', {of})"}
    return {"use_case": {"S.$": "$.use_case"}, "entry": named}
