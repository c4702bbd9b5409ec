"""Reports of replays that nobody ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noriba.records.replays import ReplayDay, ReplayEvent, ReplayReport, ReplaySettings
from noriba.timestamps import begin_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def make_event(kind: Any, at: datetime, **fields: Any) -> ReplayEvent:
    return ReplayEvent(**{"key": f"{kind} {at}", "at": at, "kind": kind, "about": "", "text": "", **fields})


def make_report(days: Sequence[ReplayDay], events: Sequence[ReplayEvent], *, frozen_version: int = 1) -> ReplayReport:
    """A replay of these days, which has ended."""
    settings = ReplaySettings(
        use_case="taxi_eta",
        api_url="",
        files=(),
        first_day=days[0].date,
        last_day=days[-1].date,
        per_day=10,
        step_hours=1,
        seed=1,
    )
    return ReplayReport(
        finished=True,
        unit="s",
        claimed_coverage=0.8,
        settings=settings,
        begun_at=begin_day(days[0].date),
        frozen_version=frozen_version,
        rows=1,
        chosen=1,
        asked=1,
        failed=0,
        failures=(),
        took_s=1.0,
        days=tuple(days),
        events=tuple(events),
    )
