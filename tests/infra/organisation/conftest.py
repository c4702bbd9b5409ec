"""An organisation is synthesised twice: as the example has it, and with every entry another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.infra.conftest import synthesise
from tests.infra.topology.example import EXAMPLE

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

CHANGED = Path(__file__).parent / "changed.toml"
"""Every entry other than the example's, and each part of the loop in an account of its own."""


@pytest.fixture(scope="session")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The example's."""
    return synthesise(tmp_path_factory.mktemp("organisation"), {"topology": str(EXAMPLE)})


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The other one, with a prefix of its own."""
    return synthesise(tmp_path_factory.mktemp("changed"), {"topology": str(CHANGED), "prefix": "trial"})
