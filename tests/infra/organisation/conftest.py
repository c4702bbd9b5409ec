"""An organisation is synthesised twice: as the example has it, and with every entry another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.conftest import synthesise
from tests.infra.topology.example import EXAMPLE

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

CHANGED = Path(__file__).parent / "changed.toml"
"""Every entry other than the example's, and each part of the loop in an account of its own."""


def read_artifacts(found: Assembly) -> dict[str, Any]:
    """What the manifest says of each stack, by its name without the prefix."""
    artifacts = json.loads((found.path / "manifest.json").read_text())["artifacts"]
    return {
        name.removeprefix(f"{found.prefix}-"): artifact
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def find_environments(found: Assembly) -> dict[str, str]:
    """Stack → `aws://<account>/<region>`."""
    return {name: artifact["environment"] for name, artifact in read_artifacts(found).items()}


@pytest.fixture(scope="session")
def organisation(assembly: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The example's.

    After the loop's: in which order CDK writes a stack's dependencies hangs on what else its process has made, and the
    loop's bytes are compared with those of a process that made nothing else.
    """
    assert assembly
    return synthesise(tmp_path_factory.mktemp("organisation"), {"topology": str(EXAMPLE)})


@pytest.fixture(scope="session")
def changed(assembly: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The other one, with a prefix of its own; after the loop's, too."""
    assert assembly
    return synthesise(tmp_path_factory.mktemp("changed"), {"topology": str(CHANGED), "prefix": "trial"})
