"""What is old is kept in less detail."""

from __future__ import annotations

from typing import Any

from laptop_cloud.extensions.retention import some_are_old, summarize


def sample(at: float, value: float) -> dict[str, Any]:
    return {"Timestamp": at, "Value": value, "Unit": "Count", "Dimensions": {}}


def test_old_samples_become_one_statistic_set_a_minute() -> None:
    samples = [sample(0, 1), sample(30, 3), sample(61, 5), sample(600, 7)]

    summarize(samples, before=600)

    assert [each["Timestamp"] for each in samples] == [0, 61, 600]
    assert samples[0]["_stat"] == {"SampleCount": 2.0, "Sum": 4.0, "Average": 2.0, "Minimum": 1.0, "Maximum": 3.0}


def test_what_is_summed_up_stays_as_it_is() -> None:
    samples = [sample(0, 1), sample(30, 3)]
    summarize(samples, before=600)
    once = list(samples)

    summarize(samples, before=600)

    assert samples == once


def test_samples_are_thrown_away_once_a_day_and_not_whenever_one_turns_two_weeks_old() -> None:
    day = 86_400.0
    every_hour = [sample(hour * 3600.0, 1) for hour in range(14 * 24)]

    assert not some_are_old([[], every_hour], now=14 * day + 3600)
    assert not some_are_old([[], every_hour], now=15 * day)
    assert some_are_old([[], every_hour], now=15 * day + 1)
