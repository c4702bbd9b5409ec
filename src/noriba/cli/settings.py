"""The deployment's file of settings, as far as commands look at it; `cdk` checks names and values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from noriba.errors import NoribaError

SETTINGS = Path("noriba.toml")

SettingsFile = Annotated[
    Path, typer.Option("--settings", envvar="NORIBA_SETTINGS", help="The deployment's settings, as `cdk` takes them.")
]


class SettingsUnreadableError(NoribaError):
    """The file of settings is no TOML, or is not there."""


def read_settings(path: Path) -> dict[str, Any]:
    """What stands in a file of settings; nothing where the usual one is not there, for then defaults are deployed.

    Raises:
        SettingsUnreadableError: it is no TOML; or there is none of a name that was given, as `cdk` says too.
    """
    if not path.exists():
        if path != SETTINGS:
            raise SettingsUnreadableError(f"there is no file {path.absolute()}; name another by --settings, or none")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsUnreadableError(f"{path} is not TOML: {error}") from error
