"""The example's file, as it is or with some of its text changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.application import ROOT
from infra.topology import Topology, TopologyError, read_topology

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "topology.example.toml"


def read_example() -> Topology:
    return read_topology(EXAMPLE)


def write_changed(folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy with some texts in place of others, each of which must stand there."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    file = folder / "topology.toml"
    file.write_text(text, encoding="utf-8")
    return file


def read_changed(folder: Path, *changes: tuple[str, str]) -> Topology:
    return read_topology(write_changed(folder, *changes))


def refuse(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """What is said of a copy that is refused, line by line, without the file's name."""
    file = write_changed(folder, *changes)
    try:
        read_topology(file)
    except TopologyError as error:
        lines = str(error).splitlines()
        assert all(line.startswith("topology.toml ") for line in lines), lines
        return [line.removeprefix("topology.toml ") for line in lines]
    raise AssertionError("it was not refused")
