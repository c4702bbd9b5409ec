"""A new regime is told, an odd day is not, and a day of which too little is known is none."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from noriba.monitoring.days import assess_drift, list_whole_days
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from noriba.usecase import MonitoringPolicy
from tests.unit.monitoring.asked_days import NOW, PROFILE, ask_on

POLICY = MonitoringPolicy()


def test_whole_days_are_those_that_are_over() -> None:
    assert [day.day for day in list_whole_days(NOW)] == [1, 2, 3]


def test_a_new_regime_is_told_with_its_first_day_and_what_has_moved() -> None:
    found = assess_drift(ask_on({3: 0.0, 2: 1.5, 1: 1.5}), 3, PROFILE, POLICY, now=NOW)

    assert found.verdict == "changed"
    assert found.since == list_whole_days(NOW)[1]
    assert found.reason.startswith("length: ")


def test_one_odd_day_is_no_change_and_days_like_those_of_training_are_none() -> None:
    assert assess_drift(ask_on({3: 0.0, 2: 0.0, 1: 1.5}), 3, PROFILE, POLICY, now=NOW).verdict == "steady"
    assert assess_drift(ask_on({3: 1.5, 2: 1.5, 1: 0.0}), 3, PROFILE, POLICY, now=NOW).verdict == "steady"
    assert assess_drift(ask_on({3: 0.0, 2: 0.0, 1: 0.0}), 3, PROFILE, POLICY, now=NOW).verdict == "steady"


def test_without_a_profile_or_a_whole_day_nobody_can_say() -> None:
    assert assess_drift(ask_on({1: 0.0}), 3, None, POLICY, now=NOW).verdict == "unknown"
    assert assess_drift(ask_on({2: 1.5}), 3, PROFILE, POLICY, now=NOW).verdict == "unknown"
    assert assess_drift([], 3, PROFILE, POLICY, now=NOW).verdict == "unknown"


def test_a_day_is_looked_at_when_its_captures_have_come() -> None:
    midnight = NOW.replace(hour=0, minute=40)

    assert list_whole_days(midnight)[-1].day == 2
    assert list_whole_days(midnight + timedelta(hours=3))[-1].day == 3


def test_a_day_of_which_the_model_served_the_evening_alone_is_no_day() -> None:
    other = {2: {EVERYTHING: AnswerTally(answered=1)}}
    days = ask_on({3: 1.5, 2: 1.5, 1: 1.5})
    noon = datetime.combine(list_whole_days(NOW)[1], time(16), UTC)
    elsewhere = {"counts": {}, "versions": other}
    fragment = [
        hour.model_copy(update=elsewhere) if noon.date() == hour.hour.date() and hour.hour < noon else hour
        for hour in days
    ]

    assert assess_drift(days, 3, PROFILE, POLICY, now=NOW).since == list_whole_days(NOW)[0]
    found = assess_drift(fragment[24:], 3, PROFILE, POLICY, now=NOW)
    assert (found.verdict, found.since) == ("steady", None)


def test_counts_in_other_bins_than_the_model_s_are_left_out() -> None:
    """A version's profile may have other bins than what was counted of an earlier one under the same number."""
    hours = [HourMeasurement(hour=NOW - timedelta(days=1), counts={3: {"length": (1, 2, 3)}})]

    assert assess_drift(hours, 3, PROFILE, POLICY, now=NOW).verdict == "unknown"
