"""The page about topologies: its table is drawn by the code, and it leaves no entry, stack or guardrail out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Stack

from infra.organisation.application import add_organisation
from infra.organisation.policies import make_service_control_policies
from infra.organisation.table import draw_table
from infra.settings import Settings
from infra.topology import Topology, read_topology
from infra.topology.checks import MANAGEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/topology.md"
TABLE = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- /table -->)", re.DOTALL)


def describe_stacks() -> Mapping[str, str]:
    """Name of a stack, without its prefix → account's id."""
    app = App(analytics_reporting=False)
    add_organisation(app, topology=read_example(), settings=Settings())
    stacks = [child for child in app.node.children if isinstance(child, Stack)]
    return {stack.stack_name.removeprefix("noriba-"): stack.account for stack in stacks}


def read_example() -> Topology:
    return read_topology(ROOT / "topology.example.toml")


def draw() -> str:
    topology = read_example()
    names = {topology.organisation.management: MANAGEMENT}
    names |= {account.id: name for name, account in topology.accounts.items() if account.id}
    stacks: dict[str, list[str]] = {}
    for stack, account in describe_stacks().items():
        stacks.setdefault(names[account], []).append(stack)
    return draw_table(topology, stacks)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def find_rows(page: str, head: str) -> list[str]:
    """The first cells of the table under a heading row, without code's marks."""
    [body] = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [row.split("|")[1].strip(" `") for row in body.splitlines()]


def test_the_table_is_what_the_code_draws(page: str) -> None:
    """`.venv/bin/python tests/docs/test_topology_page.py` draws it anew."""
    assert TABLE.findall(page) == [draw()]


def test_every_entry_of_the_file_is_explained(page: str) -> None:
    assert find_rows(page, "entry") == list(Topology.model_fields)


def test_every_stack_is_named(page: str) -> None:
    assert set(find_rows(page, "stack")) == {f"noriba-{name}" for name in describe_stacks()}


def test_every_guardrail_is_named(page: str) -> None:
    assert find_rows(page, "policy") == list(make_service_control_policies(read_example(), prefix="noriba"))


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(draw(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
