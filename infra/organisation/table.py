"""Who and what is in which account, as the table of docs/topology.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.organisation.names import CATALOGUE
from infra.topology.checks import MANAGEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.topology import Topology

_HEAD = ("account", "unit", "stacks of the organisation", "parts of the loop", "personas")


def draw_table(topology: Topology, stacks: Mapping[str, Sequence[str]]) -> str:
    """A row for each account, the management account first.

    Args:
        topology: the organisation.
        stacks: name of an account → the organisation's stacks in it, without the prefix.
    """
    rows = [(MANAGEMENT, "", _join(stacks.get(MANAGEMENT, ())), "", f"administrator (by `{CATALOGUE}`)")]
    for name, account in topology.accounts.items():
        personas = [persona for persona in topology.personas if name in topology.list_workplaces(persona)]
        rows.append(
            (
                name,
                account.unit,
                _join(stacks.get(name, ())),
                _join(topology.list_parts(name)),
                ", ".join(personas),
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in (_HEAD, ("---",) * len(_HEAD), *rows)) + "\n"


def _join(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
