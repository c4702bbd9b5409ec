"""`doctor`: what an account lacks before a deployment, or a deployment after it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from noriba.cli.options import AsJson  # noqa: TC001  # typer reads it
from noriba.cli.output import print_json, print_table
from noriba.cli.settings import SETTINGS, SettingsFile, read_settings
from noriba.client.checkup import Wishes, check_up
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from pathlib import Path

_MARKS = {"good": Text("✓", "green"), "look": Text("!", "yellow"), "bad": Text("✗", "bold red")}


def doctor(
    settings: SettingsFile = SETTINGS,
    *,
    as_json: AsJson = False,
) -> None:
    """Look what the account lacks before `cdk deploy`, and what the deployment lacks after it; changes nothing.

    1 when something will fail.
    """
    findings = check_up(read_wishes(settings))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        several = any(one.account is not None for one in findings)
        where = [(one.account,) if several else () for one in findings]
        rows = [
            (_MARKS[one.level], *account, one.what, one.found, one.remedy)
            for one, account in zip(findings, where, strict=True)
        ]
        print_table("", ("", *(["account"] if several else []), "what", "found", "what to do"), rows)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


def read_wishes(path: Path) -> Wishes:
    """What a file of settings asks of the account.

    Raises:
        SettingsUnreadableError: see `read_settings`.
    """
    known = {one.name for one in fields(Wishes)} - {"use_cases"}
    given = {name: value for name, value in read_settings(path).items() if name in known}
    return Wishes(use_cases=len(list_use_cases()), **given)
