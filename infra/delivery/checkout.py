"""Files that a pipeline has to find where it synthesises itself: in a clone of the repository, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.application import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def name_in_repository(file: Path) -> str | None:
    """The name of a file relative to the checkout; None for one that no clone of it has."""
    file = (ROOT / file).resolve()
    if not file.is_relative_to(ROOT.resolve()) or not file.is_file():
        return None
    name = file.relative_to(ROOT.resolve()).as_posix()
    return None if name in _list_ignored() else name


def _list_ignored() -> set[str]:
    """The files, not the patterns, that are kept out of the repository: somebody's own settings."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return {line.removeprefix("/") for line in lines if line.startswith("/")}
