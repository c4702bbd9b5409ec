"""The page about people: its tables are the matrix that is evaluated, its commands those that policies are made for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from noriba.cli.main import build_app
from tests.infra.personas.commands import COMMANDS
from tests.infra.personas.matrix import PAGE_WORDS, read_matrix

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/people.md").read_text(encoding="utf-8")
MATRIX = read_matrix()
AT = MATRIX.columns.index("Approver")


@pytest.mark.parametrize(
    ("mark", "columns", "whole"),
    [("people", MATRIX.columns[: AT + 1], True), ("roles", MATRIX.columns[AT + 1 :], False)],
)
def test_a_table_of_the_page_is_what_is_evaluated(mark: str, columns: list[str], whole: bool) -> None:
    [found] = re.findall(rf"<!-- {mark} -->\n(.*?)\n?<!-- end -->", PAGE, re.DOTALL)

    assert found == MATRIX.render(columns, whole=whole), "put the second one into docs/people.md"


def test_every_row_of_the_matrix_stands_on_the_page() -> None:
    assert [action for action in MATRIX.rows if f"\n| {action} |" not in PAGE] == []
    assert PAGE_WORDS.keys() <= set(MATRIX.columns)


def test_the_page_names_the_commands_that_the_policies_are_made_for() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| [a-zA-Z ,]+ \| (`.*) \|$", PAGE, re.MULTILINE)
    named = {persona: re.findall(r"`([a-z0-9 -]+)`", commands) for persona, commands in rows}

    assert named == {
        persona: [command.partition(" (")[0] for command in commands] for persona, commands in COMMANDS.items()
    }


def test_commands_of_ours_exist() -> None:
    groups = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]  # a group
    typed = {command for commands in COMMANDS.values() for command in commands if command.startswith("noriba ")}

    for command in typed:
        _noriba, name, *more = command.split()
        assert not more or more[0] in groups[name].commands, command
