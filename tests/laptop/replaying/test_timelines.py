"""Time without a clock of its own: it passes faster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from laptop.replaying.timelines import ScaledTime

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def test_rides_pass_in_scaled_time_and_outcomes_are_observed_today() -> None:
    time = ScaledTime(BEGIN, speed=1e7)

    time.reach(BEGIN + timedelta(days=1))
    reached = time.now()
    time.reach(BEGIN)

    assert BEGIN + timedelta(days=1) <= reached <= time.now()
    before = datetime.now(UTC)
    assert before <= time.stamp(BEGIN) <= datetime.now(UTC)
