"""What a command prints of other people's words is what they wrote."""

from __future__ import annotations

import io
import json
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from noriba.cli.output import (
    print_fields,
    print_json,
    print_line,
    print_problem,
    print_table,
    show_progress,
    write_time,
)

if TYPE_CHECKING:
    import pytest

MARKUP = ("distance [/km]", "[bold]distance[/]", "[red", "[/]", "\\[x]", ":smile:", "[link=https://example.com]x")
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)


def say_everywhere(text: str) -> None:
    """Seven times on standard output, and on standard error, in all the ways in which commands print."""
    print_table(text, [text], [[text]])
    print_line(text, before=text)
    print_fields({text: [text]})
    print_problem(text)
    with show_progress(text) as progress:
        progress.update(text)
        progress.done(text)


def test_brackets_in_names_and_reasons_are_no_instructions(capsys: pytest.CaptureFixture[str]) -> None:
    for text in MARKUP:
        say_everywhere(text)

        said = capsys.readouterr()
        assert said.out.count(text) == 7
        assert said.err.count(text) >= 2


def test_no_word_moves_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = "car\x1b]0;owned\x07\x1b[2J\x9b7\r"
    say_everywhere(text)

    said = capsys.readouterr()
    assert said.out.count(r"car\x1b]0;owned\x07\x1b[2J\x9b7\x0d") == 7
    assert not [sign for sign in said.out + said.err if unicodedata.category(sign) == "Cc" and sign != "\n"]


@given(PRINTABLE, PRINTABLE)
def test_any_word_is_printed_as_it_is(column: str, cell: str) -> None:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        print_table("", [column], [[cell]])
        print_problem(cell)

    assert [line.rstrip() for line in out.getvalue().splitlines()] == [column, cell]
    assert err.getvalue() == f"✗ {cell}\n"


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Models", ["version"], [])

    assert "none yet" in capsys.readouterr().out


def test_what_is_not_there_is_a_dash_and_a_list_is_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"champion": None, "alarms": (), "waiting_for_approval": (2, 3)})

    assert [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()] == [
        ["champion", "–"],
        ["alarms", "none"],
        ["waiting", "for", "approval", "2,", "3"],
    ]


def test_json_is_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"note": "[bold]"})

    assert json.loads(capsys.readouterr().out) == {"note": "[bold]"}


def test_a_time_is_read_to_the_minute() -> None:
    assert write_time(datetime(2026, 1, 5, 8, 30, 59, tzinfo=UTC)) == "2026-01-05 08:30"
    assert write_time(None) == ""
