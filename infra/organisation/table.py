"""Who and what is in which account, as the table of docs/topology.md; `python -m infra.organisation.table FILE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import App, Stack

from infra.organisation.application import add_organisation
from infra.organisation.names import CATALOGUE
from infra.settings import Settings
from infra.topology import read_topology
from infra.topology.checks import MANAGEMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.topology import Topology

_HEAD = ("account", "unit", "stacks of the organisation", "parts of the loop", "personas")


def draw_table(topology: Topology) -> str:
    """A row for each account, the management account first."""
    stacks = _find_stacks(topology)
    rows: list[Sequence[str]] = [
        (MANAGEMENT, "", _join(stacks[MANAGEMENT]), "", f"administrator (by `{CATALOGUE}`)"),
        *(
            (
                name,
                account.unit,
                _join(stacks[name]),
                _join(topology.list_parts(name)),
                ", ".join(persona for persona in topology.personas if name in topology.list_workplaces(persona)),
            )
            for name, account in topology.accounts.items()
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (_HEAD, ("---",) * len(_HEAD), *rows))


def _find_stacks(topology: Topology) -> dict[str, list[str]]:
    """Account → names of the stacks that go there, without the prefix."""
    settings = Settings()
    app = App(analytics_reporting=False)
    add_organisation(app, topology=topology, settings=settings)
    names = {topology.organisation.management: MANAGEMENT}
    names |= {account.id: name for name, account in topology.accounts.items() if account.id is not None}
    found: dict[str, list[str]] = {name: [] for name in (MANAGEMENT, *topology.accounts)}
    for child in app.node.children:
        if isinstance(child, Stack):
            found[names[child.account]].append(child.stack_name.removeprefix(f"{settings.prefix}-"))
    return found


def _join(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(draw_table(read_topology(Path(sys.argv[1]))))
