"""One demo, one replay at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from laptop.alone import UnderWayError, hold_alone

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_one_is_refused_and_one_after_the_other_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "home" / "replay.lock"
    with (
        hold_alone(lock, "replay"),
        pytest.raises(UnderWayError, match=r"another replay is under way in .*home; wait for it"),
        hold_alone(lock, "replay"),
    ):
        pass
    with hold_alone(lock, "replay"):
        pass
