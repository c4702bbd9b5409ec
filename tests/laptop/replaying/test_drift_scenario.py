"""What the scenario reads out of a replay's report."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from laptop.drift_scenario import FIRST_DAY, LAST_DAY, PER_DAY, describe_change, find_missing, simulate_change
from noriba.client.replays import choose_replay_rows, read_files
from noriba.records.replays import ReplayDay
from noriba.usecase import load_use_case
from tests.laptop.replaying.reports import make_event, make_report

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.records.replays import ReplayEvent, ReplayReport

ALARM = "noriba-taxi-eta-world-changed"
CHANGED_AT = datetime.fromisoformat("2026-04-08T04:00:00+00:00")
ERRORS = (100.0, 140.0, 200.0, 180.0, 130.0, 120.0, 125.0, 110.0)


def happen(kind: Any, after_h: float, **fields: Any) -> ReplayEvent:
    return make_event(kind, CHANGED_AT + timedelta(hours=after_h), **fields)


EVENTS = (
    happen("alarm_fired", -30, about=ALARM),
    happen("alarm_fired", 20, about=ALARM),
    happen("decision", 21, cause="DatasetSnapshotCreated", trained=True),
    happen("rollout_ended", 24, text="succeeded", version=1),
    happen("decision", 30, cause=f"alarm {ALARM}", trained=False),
    happen("decision", 54, cause=f"alarm {ALARM}", trained=True, text="it rings"),
    happen("rollout_ended", 58, text="succeeded", version=2),
)


def report_on(*events: ReplayEvent, errors: tuple[float, ...] = ERRORS) -> ReplayReport:
    days = [
        ReplayDay(
            date=FIRST_DAY + timedelta(days=number),
            n=10 * (number + 1),
            mae_s=error,
            bias_s=0.0,
            coverage=0.8,
            model_version=1,
            model_versions={1: 10},
            frozen_mae_s=error,
            frozen_bias_s=0.0,
        )
        for number, error in enumerate(errors)
    ]
    return make_report(days, events)


def test_a_loop_that_closed_misses_nothing() -> None:
    scenario = describe_change(report_on(*EVENTS), ALARM)

    assert find_missing(scenario) == []
    assert scenario["alarm_fired_after_s"] == 20 * 3600.0
    assert scenario["decision"]["text"] == "it rings"
    # The city changed within the second day, and version 2 took over within the fourth: only whole days count.
    assert (scenario["mae_before_s"], scenario["mae_during_s"], scenario["mae_after_s"]) == (100.0, 200.0, 110.0)
    assert [one["version"] for one in scenario["rollouts"]] == [2]


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        (1, "the alarm did not go off"),
        (5, "the alarm led to no training"),
        (6, "no model came into production after that"),
    ],
)
def test_each_stage_that_is_missing_is_named(left_out: int, missing: str) -> None:
    events = [event for number, event in enumerate(EVENTS) if number != left_out]

    assert missing in find_missing(describe_change(report_on(*events), ALARM))


def test_an_error_that_stays_is_no_recovery() -> None:
    report = report_on(*EVENTS, errors=(100.0, 140.0, 200.0, 190.0, 195.0, 200.0, 150.0, 160.0))

    assert find_missing(describe_change(report, ALARM)) == ["the error is not what it was"]


def test_every_day_has_the_rides_that_are_asked_about(tmp_path: Path) -> None:
    use_case = load_use_case("taxi_eta")

    history, days = simulate_change("taxi_eta", tmp_path)

    rides = choose_replay_rows(
        read_files(days, use_case), use_case, first_day=FIRST_DAY, last_day=LAST_DAY, per_day=PER_DAY, seed=1
    )
    counted = Counter(ride.observation.asked_at.date() for ride in rides.chosen)
    assert set(counted) == {FIRST_DAY + timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days + 1)}
    assert min(counted.values()) >= 0.99 * PER_DAY
    kept = sum(file.raw.num_rows for file in read_files(history, use_case).values())
    assert kept >= use_case.policies.retraining.min_rows
