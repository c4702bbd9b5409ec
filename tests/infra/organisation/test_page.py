"""The page about topologies: its table is drawn by the code, and it leaves no entry, stack or guardrail out."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.application import ROOT
from infra.organisation.policies import make_service_control_policies
from infra.organisation.table import draw_table
from infra.topology import Topology
from infra.topology.checks import MANAGEMENT
from tests.infra.conftest import synthesise
from tests.infra.organisation.conftest import find_environments
from tests.infra.topology.example import EXAMPLE, read_example

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

PAGE = ROOT / "docs/topology.md"
TABLE = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- /table -->)", re.DOTALL)


def draw(found: Assembly) -> str:
    topology = read_example()
    names = {topology.organisation.management: MANAGEMENT}
    names |= {account.id: name for name, account in topology.accounts.items() if account.id}
    stacks: dict[str, list[str]] = {}
    for stack, environment in find_environments(found).items():
        stacks.setdefault(names[environment.split("/")[2]], []).append(stack)
    return draw_table(topology, stacks)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def find_rows(page: str, head: str) -> list[str]:
    """The first cells of the table under a heading row, without code's marks."""
    [body] = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [row.split("|")[1].strip(" `") for row in body.splitlines()]


def test_the_table_is_what_the_code_draws(page: str, organisation: Assembly) -> None:
    """`PYTHONPATH=. .venv/bin/python tests/infra/organisation/test_page.py` draws it anew."""
    assert TABLE.findall(page) == [draw(organisation)]


def test_every_entry_of_the_file_is_explained(page: str) -> None:
    assert find_rows(page, "entry") == list(Topology.model_fields)


def test_every_stack_is_named(page: str, organisation: Assembly) -> None:
    assert set(find_rows(page, "stack")) == {f"noriba-{name}" for name in find_environments(organisation)}


def test_every_guardrail_is_named(page: str) -> None:
    assert find_rows(page, "policy") == list(make_service_control_policies(read_example(), prefix="noriba"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw(synthesise(Path(folder), {"topology": str(EXAMPLE)}))
    PAGE.write_text(TABLE.sub(lambda _: drawn, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
