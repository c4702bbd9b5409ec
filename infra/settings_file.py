"""Where settings come from: one file for a deployment, and `-c` for a single time; every name is checked."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infra.settings import Settings
from infra.topology.file import DELIVERY, ORGANISATION, SPREAD

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Node

# CDK's own context has other characters besides: `@aws-cdk/…`, `aws:cdk:…`, `availability-zones:…`.
_LIKE_OURS = re.compile(r"[a-z][a-z0-9_]*")


class SettingsError(Exception):
    """A setting that does not exist or makes no sense; the message names it, where it stands and a remedy."""


def read_settings(node: Node, file: Path | None) -> Settings:
    """The settings of a file, those on the command line over them.

    Args:
        node: of the application; its context holds what `-c name=value` gave, as text.
        file: TOML; defaults hold where it does not exist, or when it is None.

    Raises:
        SettingsError: every fault at once.
    """
    given = _read_file(file) if file is not None and file.exists() else {}
    others = {ORGANISATION, SPREAD, DELIVERY}
    context: dict[str, Any] = {
        name: value
        for name, value in node.get_all_context().items()
        if _LIKE_OURS.fullmatch(name) and name not in others
    }
    places = {**dict.fromkeys(given, file.name if file else ""), **dict.fromkeys(context, "-c")}
    unknown = [_describe_unknown(name, places[name]) for name in places if name not in Settings.model_fields]
    if unknown:
        raise SettingsError("\n".join(unknown))
    try:
        return Settings.model_validate({**given, **context})
    except ValidationError as error:
        faults = [
            f"{places.get(str(fault['loc'][0]), '')} {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise SettingsError("\n".join(faults)) from error


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} is not TOML: {error}") from error


def _describe_unknown(name: str, place: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(Settings.model_fields)}"
    return f"{place} {name}: no such setting; {hint}"
