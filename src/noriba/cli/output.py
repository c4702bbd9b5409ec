"""What a command says: tables and words for people, one JSON document with `--json`; progress always on stderr.

Text is printed as it is: names of columns and reasons come from other people's files, and `[bold]` in one of them is
no instruction. Nor is a control character, to the terminal: it is printed as its number.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from rich.status import Status

# A file or a pipe has no width: rows stay whole, one a line.
_NO_WIDTH = 10_000
_stdout = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _NO_WIDTH)
_stderr = Console(stderr=True, soft_wrap=True)
_INTERRUPTED = 130
# Lines and tabs are ours.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def print_json(document: Any) -> None:
    """One JSON document."""
    # Not through rich: a machine reads this.
    typer.echo(json.dumps(document, indent=1, default=str))


def print_line(text: str, *, before: str = "") -> None:
    """A line for people; `before` stands dimmed at its beginning."""
    _stdout.print(Text.assemble((_escape(before), "dim"), _escape(text)), highlight=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people; it says so when there are no rows."""
    table = Table(
        title=Text(_escape(title)) if title else None,
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for column in columns:
        # Ids and reasons are there to be read and copied: they are folded, never cut.
        table.add_column(Text(_escape(column)), overflow="fold")
    for row in rows:
        table.add_row(
            *(cell if isinstance(cell, Text) else Text("" if cell is None else _escape(str(cell))) for cell in row)
        )
    _stdout.print(table)
    if not rows:
        _stdout.print(Text("none yet", "dim"))


def write_time(moment: datetime | None) -> str:
    """A time in UTC, to the minute, as a cell of a table: 2026-01-05 08:30."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values, one a line; nothing is written as a dash."""
    print_table("", ("", ""), [(name.replace("_", " "), _write_value(value)) for name, value in fields.items()])


def _escape(text: str) -> str:
    return text.translate(_CONTROL)


def _write_value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "–" if value is None else str(value)


def print_problem(text: str) -> None:
    """What went wrong, and what to do."""
    _stderr.print(Text.assemble(("✗", "bold red"), " ", _escape(text)), highlight=False)


@contextmanager
def say_what_goes_on(text: str) -> Iterator[None]:
    """Say, when somebody ends the waiting with Ctrl-C, what does not end with it; the status is a shell's, 130."""
    try:
        yield
    except KeyboardInterrupt:
        print_problem(f"no longer waiting: {text}")
        raise typer.Exit(_INTERRUPTED) from None


class StatusProgress:
    """Says what is being waited for; each line that is done stays."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def update(self, text: str) -> None:
        """What is happening now."""
        self._status.update(Text(_escape(text)))

    def done(self, text: str) -> None:
        """A line that stays."""
        _stderr.print(Text.assemble(("✓", "green"), " ", _escape(text)), highlight=False)


@contextmanager
def show_progress(text: str) -> Iterator[StatusProgress]:
    """A spinner on stderr while something runs; nothing but the lines that are done where nobody watches."""
    with _stderr.status(Text(_escape(text))) as status:
        yield StatusProgress(status)
