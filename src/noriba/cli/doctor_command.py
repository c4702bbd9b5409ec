"""`doctor`: what an account lacks before a deployment, or a deployment after it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from noriba.aws.clients import Clients
from noriba.aws.preflight import Wishes, check_account, check_deployment
from noriba.cli.output import AsJson, print_json, print_table
from noriba.errors import NoribaError

SETTINGS = Path("noriba.toml")
_MARKS = {"good": "[green]✓[/]", "look": "[yellow]![/]", "bad": "[bold red]✗[/]"}


class SettingsUnreadableError(NoribaError):
    """The file of settings is no TOML."""


def doctor(
    settings: Annotated[
        Path, typer.Option("--settings", help="The deployment's settings; defaults where there is no such file.")
    ] = SETTINGS,
    *,
    as_json: AsJson = False,
) -> None:
    """Look what the account lacks before `cdk deploy`, and what the deployment lacks after it; changes nothing.

    1 when something will fail.
    """
    clients, wishes = Clients(), read_wishes(settings)
    findings = list(check_deployment(clients, wishes))
    if "AWS_ENDPOINT_URL" not in os.environ:
        # Any other cloud has neither quotas nor an image to build.
        findings = [*check_account(clients, wishes, environment=os.environ), *findings]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [(_MARKS[one.level], one.what, one.found, one.remedy) for one in findings]
        print_table("", ("", "what", "found", "what to do"), rows)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


def read_wishes(path: Path) -> Wishes:
    """What a file of settings asks of the account; its names and values `cdk` checks.

    Raises:
        SettingsUnreadableError: it is no TOML.
    """
    if not path.exists():
        return Wishes()
    try:
        given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsUnreadableError(f"{path} is not TOML: {error}") from error
    known = {one.name for one in fields(Wishes)}
    return Wishes(**{name: value for name, value in given.items() if name in known})
