"""A replay's picture: both files, always the same, with what happened in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from laptop.replaying.picture import draw_replay
from noriba.records.names import name_world_alarm
from noriba.records.replays import ReplayDay
from tests.laptop.replaying.reports import make_event, make_report

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.records.replays import ReplayEvent, ReplayReport

FIRST = date(2026, 4, 7)


def make_day(number: int, mae: float | None) -> ReplayDay:
    return ReplayDay(
        date=FIRST + timedelta(days=number),
        n=0 if mae is None else 100,
        mae_s=mae,
        bias_s=mae,
        coverage=None if mae is None else 0.8,
        model_version=1,
        model_versions={1: 100},
        frozen_mae_s=mae,
        frozen_bias_s=mae,
    )


def happen(kind: Any, hour: int, **fields: Any) -> ReplayEvent:
    return make_event(kind, datetime(2026, 4, 8, hour, tzinfo=UTC), **fields)


def report(*events: ReplayEvent) -> ReplayReport:
    return make_report((make_day(0, 100.0), make_day(1, None), make_day(2, 120.0)), events, frozen_version=4)


EVENTS = (
    happen("alarm_fired", 1, about=name_world_alarm("taxi_eta", prefix="noriba")),
    happen("decision", 2, trained=True),
    happen("rollout_ended", 3, text="succeeded", version=5),
    happen("rollout_ended", 4, text="failed: worse", version=6),
)


def draw(report: ReplayReport, folder: Path) -> tuple[bytes, str]:
    folder.mkdir()
    png, svg = folder / "replay.png", folder / "replay.svg"
    draw_replay(report, [png, svg])
    return png.read_bytes(), svg.read_text(encoding="utf-8")


def test_what_happened_stands_in_it(tmp_path: Path) -> None:
    png, svg = draw(report(*EVENTS), tmp_path / "one")

    assert png.startswith(b"\x89PNG")
    words = ("the loop", "version 4, frozen", "alarm", "retraining", "in production", "rolled back", "v5", "v6")
    assert [word for word in words if word not in svg] == []
    assert "mean absolute error, s" in svg


def test_what_a_new_model_has_no_part_in_is_no_mark(tmp_path: Path) -> None:
    others = (happen("decision", 2, trained=False), happen("alarm_fired", 3, about="noriba-serving-Latency"))

    _png, svg = draw(report(*others), tmp_path / "one")

    assert "retraining" not in svg
    assert "alarm" not in svg


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    assert draw(report(*EVENTS), tmp_path / "one") == draw(report(*EVENTS), tmp_path / "two")
