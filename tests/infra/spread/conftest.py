"""The loop over the example's five accounts, synthesised once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import ROOT
from tests.infra.conftest import synthesise
from tests.infra.topology.example import EXAMPLE, read_example

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly

IDS = {name: account.id or "" for name, account in read_example().accounts.items()}
NAMES = {account_id: name for name, account_id in IDS.items()}


def read_stacks(folder: Path) -> dict[str, tuple[str, str]]:
    """Artifact → name of the stack, and of its account."""
    artifacts: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["artifacts"]
    return {
        artifact_id: (
            artifact["properties"].get("stackName", artifact_id),
            NAMES[artifact["environment"].removeprefix("aws://").partition("/")[0]],
        )
        for artifact_id, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


@pytest.fixture(scope="session")
def spread(assembly: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The example's, with the use case of the other tests.

    After the loop's in one account: in which order CDK writes a stack's dependencies hangs on what else its process has
    made.
    """
    assert assembly
    return synthesise(tmp_path_factory.mktemp("spread"), {"spread": str(EXAMPLE.relative_to(ROOT))})
