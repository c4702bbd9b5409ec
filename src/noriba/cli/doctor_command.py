"""`doctor`: what an account lacks before a deployment, or a deployment after it."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from noriba.cli.options import AsJson  # noqa: TC001  # typer reads it
from noriba.cli.output import print_json, print_table
from noriba.client.checkup import Wishes, check_up
from noriba.errors import NoribaError
from noriba.usecase import list_use_cases

SETTINGS = Path("noriba.toml")
_MARKS = {"good": Text("✓", "green"), "look": Text("!", "yellow"), "bad": Text("✗", "bold red")}


class SettingsUnreadableError(NoribaError):
    """The file of settings is no TOML, or is not there."""


def doctor(
    settings: Annotated[
        Path,
        typer.Option("--settings", envvar="NORIBA_SETTINGS", help="The deployment's settings, as `cdk` takes them."),
    ] = SETTINGS,
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
        rows = [(_MARKS[one.level], one.what, one.found, one.remedy) for one in findings]
        print_table("", ("", "what", "found", "what to do"), rows)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


def read_wishes(path: Path) -> Wishes:
    """What a file of settings asks of the account; its names and values `cdk` checks.

    Raises:
        SettingsUnreadableError: it is no TOML; or there is none of a name that was given, as `cdk` says too.
    """
    use_cases = len(list_use_cases())
    if not path.exists() and path != SETTINGS:
        raise SettingsUnreadableError(f"there is no file {path.absolute()}; name another by --settings, or none")
    if not path.exists():
        return Wishes(use_cases=use_cases)
    try:
        given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsUnreadableError(f"{path} is not TOML: {error}") from error
    known = {one.name for one in fields(Wishes)} - {"use_cases"}
    return Wishes(use_cases=use_cases, **{name: value for name, value in given.items() if name in known})
