"""When a schedule is due: at its own moments, whenever one looks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laptop_cloud.own_time.scheduled_rules import Schedule

BEGUN_S = datetime(2026, 2, 27, 10, 20, 30, tzinfo=UTC).timestamp()
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


@pytest.fixture(autouse=True)
def _in_its_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """MiniStack writes keys where this says when it is imported."""
    monkeypatch.setenv("STATE_DIR", str(tmp_path_factory.getbasetemp()))


@given(
    st.integers(2, 48),
    st.sampled_from([("minutes", MINUTE_S), ("hours", HOUR_S), ("days", DAY_S)]),
    st.floats(0, 10 * DAY_S),
)
def test_a_rate_is_counted_from_its_beginning(count: int, unit: tuple[str, int], passed_s: float) -> None:
    interval_s = count * unit[1]
    due_s = Schedule(f"rate({count} {unit[0]})", BEGUN_S).latest_due_s(BEGUN_S + passed_s)

    if due_s is None:
        assert passed_s < interval_s
    else:
        assert due_s <= BEGUN_S + passed_s < due_s + interval_s
        assert (due_s - BEGUN_S) % interval_s == 0


@given(st.integers(0, 3 * 24 * 60))
def test_a_cron_is_due_at_the_last_of_its_minutes(passed_minutes: int) -> None:
    now_s = BEGUN_S + passed_minutes * MINUTE_S
    due_s = Schedule("cron(0/30 8-17 * * ? *)", BEGUN_S).latest_due_s(now_s)

    every_minute = range(int(BEGUN_S) // MINUTE_S + 1, int(now_s) // MINUTE_S + 1)
    moments = [datetime.fromtimestamp(minute * MINUTE_S, UTC) for minute in every_minute]
    fitting = [one for one in moments if one.minute in {0, 30} and one.hour in range(8, 18)]
    assert due_s == (fitting[-1].timestamp() if fitting else None)


def test_a_cron_of_a_year_that_is_over_is_never_due() -> None:
    schedule = Schedule("cron(0 8 1 1 ? 2025)", BEGUN_S)

    assert schedule.next_due_s() is None
    assert schedule.latest_due_s(BEGUN_S + 1000 * DAY_S) is None
