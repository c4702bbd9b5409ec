"""The page about topologies: its table is drawn by the code, and it leaves no entry, stack or guardrail out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.application import ROOT
from infra.organisation.policies import make_service_control_policies
from infra.organisation.table import draw_table
from infra.topology import Topology
from tests.infra.organisation.conftest import find_environments
from tests.infra.topology.example import read_changed, read_example

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs/topology.md").read_text(encoding="utf-8")


def find_rows(text: str, head: str) -> dict[str, list[str]]:
    """The table whose heading begins so: first cell → the others, without code's marks."""
    [body] = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[- |]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in body.splitlines()]
    return {first: rest for first, *rest in rows}


def test_the_table_is_what_the_code_draws(page: str, organisation: Assembly) -> None:
    """`python -m infra.organisation.table topology.example.toml` draws it anew."""
    assert organisation
    assert draw_table(read_example()) in page


def test_the_table_tells_what_is_synthesised(page: str, organisation: Assembly) -> None:
    rows = find_rows(page, "account")
    environments = find_environments(organisation)

    for account, number in (("management", "111111111111"), ("logs", "222222222222")):
        assert set(rows[account][1].split(", ")) == {
            stack for stack, environment in environments.items() if f"//{number}/" in environment
        }
    assert [name for name, row in rows.items() if row[1]] == ["management", "logs"]


def test_the_trail_waits_until_the_account_of_its_logs_is_known(tmp_path: Path, organisation: Assembly) -> None:
    """Its bucket has one name in the world: made with other credentials, it would be lost to the account."""
    assert organisation
    rows = find_rows(
        draw_table(read_changed(tmp_path, ('id = "222222222222"', 'email = "aws+logs@example.com"'))), "account"
    )

    assert rows["logs"][:2] == ["governance", ""]
    assert "trail" not in rows["management"][1].split(", ")


def test_every_entry_of_the_file_is_explained(page: str) -> None:
    assert list(find_rows(page, "entry")) == list(Topology.model_fields)


def test_every_stack_is_named(page: str, organisation: Assembly) -> None:
    assert set(find_rows(page, "stack")) == {f"noriba-{name}" for name in find_environments(organisation)}


def test_every_guardrail_is_named(page: str) -> None:
    assert list(find_rows(page, "policy")) == list(make_service_control_policies(read_example(), prefix="noriba"))
