"""What a demo does with a cloud that runs already."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from laptop import demo
from laptop.demo import DemoPlan, NotBegunError

PLAN = DemoPlan("taxi_eta", trips=(), rows=None, report=Path("report.json"), keep=False)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Clouds that were ended; one runs that nobody has marked."""
    found: list[Path] = []
    cloud = SimpleNamespace(pid=17, endpoint_url="http://127.0.0.1:4566")
    monkeypatch.setattr(demo, "find_cloud", lambda: cloud)
    monkeypatch.setattr(demo, "stop", found.append)
    monkeypatch.setattr(demo, "_MARK", tmp_path / "mark")
    return found


def test_a_cloud_that_an_earlier_demo_kept_is_ended_and_not_without_a_word(
    ended: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mark").write_text("17")

    demo._clear_the_way(PLAN)

    assert len(ended) == 1
    said = capsys.readouterr().err
    assert "ending the laptop cloud at http://127.0.0.1:4566, which an earlier demo left running" in said


def test_a_cloud_of_somebody_else_s_is_left_alone(ended: list[Path]) -> None:
    with pytest.raises(NotBegunError, match="noriba down"):
        demo._clear_the_way(PLAN)

    assert ended == []
