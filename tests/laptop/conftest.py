"""What every laptop cloud of these tests shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def share_wheels(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """`share_wheels(folder)`: a laptop cloud beside whose state the wheels of all others lie, fetched once."""
    wheels = tmp_path_factory.getbasetemp() / "wheels"
    wheels.mkdir(exist_ok=True)
    return lambda folder: (folder / "wheels").symlink_to(wheels)
