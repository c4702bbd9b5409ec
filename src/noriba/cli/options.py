"""Options that many commands have, and the session that they mean."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noriba.client import Session
from noriba.errors import NoribaError
from noriba.usecase import find_default_use_case, list_use_cases, load_use_case


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
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
