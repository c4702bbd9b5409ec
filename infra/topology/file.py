"""Where a topology comes from: one TOML file, which `-c topology=FILE` or `-c spread=FILE` names."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from infra.topology.model import Topology
from infra.topology.personas import Persona

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Node
    from pydantic_core import ErrorDetails

ORGANISATION = "topology"
"""The word of CDK's context that names the file of an organisation, for its own stacks."""
SPREAD = "spread"
"""The word that names it for the stacks of the loop."""
DELIVERY = "delivery"
"""The word beside the first by which its delivery is synthesised instead."""


class TopologyError(Exception):
    """A topology that is not there or makes no sense; the message names each entry, and a remedy."""


def find_topology_file(node: Node, root: Path, *, named_by: str) -> Path | None:
    """The file that `-c topology=FILE` or `-c spread=FILE` names, relative to the checkout; None where none is named.

    Raises:
        TopologyError: the file is not there.
    """
    named = node.try_get_context(named_by)
    if named is None:
        return None
    file = root / str(named)
    if not file.is_file():
        raise TopologyError(f"-c {named_by}={named}: there is no file {file}; copy topology.example.toml to it")
    return file


def read_topology(file: Path) -> Topology:
    """A topology, checked as a whole.

    Raises:
        TopologyError: every fault at once.
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopologyError(f"{file.name} is not TOML: {error}") from error
    try:
        return Topology.model_validate(given)
    except ValidationError as error:
        faults = [fault for one in error.errors(include_url=False) for fault in _say(one)]
        raise TopologyError("\n".join(f"{file.name} {fault}" for fault in faults)) from error


def _say(error: ErrorDetails) -> list[str]:
    entry = _name_entry(error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if not entry:
        # Of the whole: each line names its own entry.
        return message.splitlines()
    match error["type"]:
        case "missing":
            remedy = "is missing; topology.example.toml shows it"
        case "extra_forbidden":
            remedy = "there is no such entry; topology.example.toml lists them all"
        case "literal_error":
            remedy = f"there is no such persona; there are {', '.join(get_args(Persona))}"
        case "value_error":
            remedy = message
        case _:
            remedy = f"{message}; topology.example.toml shows what it may be"
    return [f"{entry}: {remedy}"]


def _name_entry(loc: tuple[Any, ...]) -> str:
    """As it stands in the file: `accounts.data.id`, `personas.approver.groups.0`."""
    return ".".join(str(part) for part in loc if part != "[key]")
