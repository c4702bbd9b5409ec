"""Options that many commands have, and the session that they mean."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.client import Session
from noriba.errors import NoribaError
from noriba.usecase import find_default_use_case, list_use_cases, load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterator


class MisuseError(NoribaError):
    """What was typed makes no sense; nothing was done."""


def check_installed(name: str) -> str:
    """The use case that was named, if it is here: before anything is uploaded, asked or deployed.

    Where no use case is installed at all, beside the library alone, every name may be right.
    """
    installed = list_use_cases()
    if installed and name not in installed:
        load_use_case(name)  # says so, with those there are; one that is here is loaded by whoever needs its code
    return name


def check_reason(text: str) -> str:
    """A reason that says something: an empty one, of a script's variable that was never set, would say nothing."""
    if not text.strip():
        raise MisuseError("--reason is empty; say why, in a word or two")
    return text


def read_day(text: str) -> date:
    """A day as it is given to an option.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; give one such as 2026-03-01") from None


def check_hours(hours: float) -> float:
    """A stretch of time that something can lie in."""
    if hours <= 0:
        raise typer.BadParameter(f"nothing lies within {hours:g} hours; give more than 0, such as 24")
    return hours


@contextmanager
def need_answer() -> Iterator[None]:
    """Around a question: without a terminal nobody answers, and the way out is named.

    Raises:
        MisuseError: input ended before there was an answer.
    """
    try:
        yield
    except typer.Abort as abort:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise MisuseError("nobody agreed, and nothing was deleted; without a terminal, say --yes") from abort


DEFAULT_PREFIX = Session.prefix
DEFAULT_USE_CASE: Any = find_default_use_case() or ...
"""`...` where none is the default: it must be named then."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, of an error too.")]
Prefix = Annotated[str, typer.Option("--prefix", help="Which deployment, by its prefix.", envvar="NORIBA_PREFIX")]
UseCaseName = Annotated[
    str,
    typer.Option(
        "--use-case",
        "-u",
        help="Which use case.",
        envvar="NORIBA_USE_CASE",
        callback=check_installed,
    ),
]
Limit = Annotated[float, typer.Option("--limit", help="Seconds to wait at most.", min=0)]
Reason = Annotated[str, typer.Option("--reason", help="Why; stands in the record of rollouts.", callback=check_reason)]
WaitForRollout = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the model answers in production.")]
Hours = Annotated[
    float,
    typer.Option(
        "--hours",
        help="How far back; for drift best a day, like those of training.",
        max=2160,
        callback=check_hours,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")]
