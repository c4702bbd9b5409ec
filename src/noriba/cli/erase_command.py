"""`erase`: a request for deletion, from the raw object to the snapshots and the models that knew it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Prefix, UseCaseName, Yes, need_answer
from noriba.cli.output import print_fields, print_json, print_line, show_progress
from noriba.client import Session, commit_erasure, plan_erasure

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMAINS = (
    "what stays: models that were trained on it (listed above; train anew and approve), the event archive and the logs "
    "(keys and counts, never rows), and the ledger's backups, each until its own end"
)


def erase(
    key: Annotated[str, typer.Argument(help="The object's key in the raw bucket, or its name within the use case.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, and on whose request; stands in the audit trail.")],
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase a landed object for good: all its versions, its rows in datasets and quarantine, its place in snapshots.

    With your own credentials, which stand in the audit trail. Interrupted, it is finished by the same command.
    """
    session = Session(prefix, use_case)
    erasure, found = plan_erasure(session, key, reason=reason)
    if dry_run:
        _tell({"would_erase": found.model_dump(mode="json")}, as_json=as_json)
        return
    if not yes:
        with need_answer():
            typer.confirm(f"Erase {erasure.key} and all that was made of it? This cannot be undone", abort=True)
    with show_progress(f"erasing {erasure.key}") as progress:
        removed = commit_erasure(session, erasure, progress=progress)
    _tell({"erased": found.model_dump(mode="json"), "removed": removed}, as_json=as_json)


def _tell(document: Mapping[str, Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for title, fields in document.items():
        print_line(title.replace("_", " ").capitalize())
        print_fields(fields)
    print_line(_REMAINS)
