"""`audit`: who did what to a model, when, and on what evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Prefix, UseCaseName
from noriba.cli.output import print_json, print_line, print_table
from noriba.client import Session, audit_model


def audit(
    version: Annotated[int, typer.Argument(help="Of the model.")],
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell who did what to a model, when, and on what evidence; and what of it is not kept."""
    found = audit_model(Session(prefix, use_case), version)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.who, entry.what, entry.evidence) for entry in found.entries]
    print_table(f"Version {version} of {use_case}", ("when (UTC)", "who", "what", "evidence"), rows)
    for gap in found.gaps:
        print_line(f"not known: {gap}")
