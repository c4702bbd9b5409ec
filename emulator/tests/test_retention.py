"""What is old is kept in less detail."""

from __future__ import annotations

from typing import Any

from laptop_cloud.extensions.retention import summarize


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
