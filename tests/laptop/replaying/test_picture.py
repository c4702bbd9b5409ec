"""A replay's picture: both files, always the same, with what happened in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from laptop.replaying.picture import draw_replay
from noriba.records.names import name_world_alarm
from noriba.records.replays import ReplayDay, ReplayEvent, ReplayReport, ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

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


def make_event(kind: Any, hour: int, **fields: Any) -> ReplayEvent:
    at = datetime(2026, 4, 8, hour, tzinfo=UTC)
    return ReplayEvent(**{"key": f"{kind} {hour}", "at": at, "kind": kind, "about": "", "text": "", **fields})


def make_report(*events: ReplayEvent) -> ReplayReport:
    settings = ReplaySettings(
        use_case="taxi_eta",
        api_url="",
        files=(),
        first_day=FIRST,
        last_day=date(2026, 4, 9),
        per_day=100,
        step_hours=1,
        seed=1,
    )
    return ReplayReport(
        finished=True,
        unit="s",
        claimed_coverage=0.8,
        settings=settings,
        begun_at=datetime(2026, 4, 7, tzinfo=UTC),
        frozen_version=4,
        rows=1,
        chosen=1,
        asked=1,
        failed=0,
        failures=(),
        took_s=1.0,
        days=(make_day(0, 100.0), make_day(1, None), make_day(2, 120.0)),
        events=events,
    )


EVENTS = (
    make_event("alarm_fired", 1, about=name_world_alarm("taxi_eta", prefix="noriba")),
    make_event("decision", 2, trained=True),
    make_event("rollout_ended", 3, text="succeeded", version=5),
    make_event("rollout_ended", 4, text="failed: worse", version=6),
)


def draw(report: ReplayReport, folder: Path) -> tuple[bytes, str]:
    folder.mkdir()
    png, svg = folder / "replay.png", folder / "replay.svg"
    draw_replay(report, [png, svg])
    return png.read_bytes(), svg.read_text(encoding="utf-8")


def test_what_happened_stands_in_it(tmp_path: Path) -> None:
    png, svg = draw(make_report(*EVENTS), tmp_path / "one")

    assert png.startswith(b"\x89PNG")
    words = ("the loop", "version 4, frozen", "alarm", "retraining", "in production", "rolled back", "v5", "v6")
    assert [word for word in words if word not in svg] == []
    assert "mean absolute error, s" in svg


def test_what_a_new_model_has_no_part_in_is_no_mark(tmp_path: Path) -> None:
    others = (make_event("decision", 2, trained=False), make_event("alarm_fired", 3, about="noriba-serving-Latency"))

    _png, svg = draw(make_report(*others), tmp_path / "one")

    assert "retraining" not in svg
    assert "alarm" not in svg


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    assert draw(make_report(*EVENTS), tmp_path / "one") == draw(make_report(*EVENTS), tmp_path / "two")
