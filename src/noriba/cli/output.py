"""What a command says: tables and words for people, one JSON document with `--json`; progress always on stderr."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.status import Status

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

# A file or a pipe has no width: rows stay whole, one a line.
_NO_WIDTH = 10_000
_stdout = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _NO_WIDTH)
_stderr = Console(stderr=True, soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON document."""
    # Not through rich: a machine reads this.
    typer.echo(json.dumps(document, indent=1, default=str))


def print_line(text: str) -> None:
    """A line for people."""
    _stdout.print(text, highlight=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people."""
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        # Ids and reasons are there to be read and copied: they are folded, never cut.
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    _stdout.print(table)


def write_time(iso: str) -> str:
    """A moment in UTC, to the minute, as a cell of a table: 2026-01-05 08:30."""
    return iso[:16].replace("T", " ")


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    print_table("", ("", ""), list(fields.items()))


def print_problem(text: str) -> None:
    """What went wrong, and what to do."""
    _stderr.print(f"[bold red]✗[/] {text}", highlight=False)


class Progress:
    """Says what is being waited for; each line that is done stays."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def update(self, text: str) -> None:
        """What is happening now."""
        self._status.update(text)

    def done(self, text: str) -> None:
        """A line that stays."""
        _stderr.print(f"[green]✓[/] {text}", highlight=False)


@contextmanager
def show_progress(text: str) -> Iterator[Progress]:
    """A spinner on stderr while something runs; nothing but the lines that are done where nobody watches."""
    with _stderr.status(text) as status:
        yield Progress(status)
