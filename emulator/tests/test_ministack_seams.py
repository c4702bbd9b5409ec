"""The laptop cloud leans on private names of one MiniStack release: this is where a newer release is noticed."""

from __future__ import annotations

from enum import Enum
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from laptop_cloud.ministack_seams import MINISTACK_VERSION, Seam, SeamMovedError, check_seams

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_its_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MiniStack writes keys where this says when all of it is imported."""
    monkeypatch.setenv("STATE_DIR", str(tmp_path))


def test_every_seam_is_where_it_was_in_the_release_that_is_installed() -> None:
    assert metadata.version("ministack") == MINISTACK_VERSION
    check_seams()


class Elsewhere(Enum):
    APPLICATION = Seam.APPLICATION.value
    RENAMED = "services.eventbridge:_renamed_since"


def test_a_seam_that_has_moved_is_named() -> None:
    with pytest.raises(SeamMovedError, match=r"ministack\.services\.eventbridge\._renamed_since \(RENAMED\) is gone"):
        check_seams(Elsewhere)
