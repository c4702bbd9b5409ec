"""What an alarm sees of its series is the same, however the samples came and whatever was done to the older ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laptop_cloud.extensions.metric_periods import MetricPeriods, find_statistic
from laptop_cloud.extensions.retention import summarize
from laptop_cloud.ministack_seams import Seam, reach

PERIOD_S = 60

samples = st.builds(
    lambda at, value, unit: {"Timestamp": at, "Value": value, "Unit": unit, "Dimensions": {}},
    st.floats(0, 600),
    st.integers(0, 1000),
    st.sampled_from(["Count", "Milliseconds"]),
)


def look(series: list[MetricPeriods], statistic: str) -> list[float | None]:
    return [find_statistic(statistic, period, series) for period in range(11)]


def read_at_once(samples: list[dict[str, Any]], unit: str | None = None) -> MetricPeriods:
    series = MetricPeriods(PERIOD_S, unit)
    series.read(samples, since=0)
    return series


statistics = st.sampled_from(["Sum", "Average", "Minimum", "Maximum", "SampleCount", "p90", "p50"])


@given(st.lists(st.lists(samples, max_size=20), max_size=5), statistics, st.sampled_from([None, "Count"]))
def test_read_in_pieces_is_read_at_once(pieces: list[list[Any]], statistic: str, unit: str | None) -> None:
    series, came = MetricPeriods(PERIOD_S, unit), []
    for piece in pieces:
        came.extend(piece)
        series.read(came, since=0)

    assert look([series], statistic) == look([read_at_once(came, unit)], statistic)


@given(st.lists(samples, min_size=1), st.sampled_from(["p50", "p90", "p99", "p99.9", "p100"]))
def test_a_percentile_is_the_one_that_get_metric_data_answers(came: list[Any], statistic: str) -> None:
    came = [{**sample, "Timestamp": 0.0} for sample in came]

    expected = reach(Seam.STATISTIC)(reach(Seam.POINT_STATISTICS)(came), statistic, came)

    assert find_statistic(statistic, 0, [read_at_once(came)]) == pytest.approx(expected, rel=1e-12)


@given(st.lists(samples, max_size=20), st.lists(samples, max_size=20), statistics)
def test_two_series_together_are_one_of_both(one: list[Any], other: list[Any], statistic: str) -> None:
    together = look([read_at_once(one), read_at_once(other)], statistic)

    assert together == look([read_at_once([*one, *other])], statistic)


@given(st.lists(samples, max_size=20), st.lists(samples, max_size=20))
def test_older_samples_that_are_summed_up_count_once(old: list[Any], new: list[Any]) -> None:
    came = sorted(old, key=lambda sample: sample["Timestamp"])
    series = read_at_once(came)
    summarize(came, before=300)
    came.extend(new)
    series.read(came, since=0)

    assert look([series], "Sum") == look([read_at_once([*old, *new])], "Sum")
    assert look([series], "SampleCount") == look([read_at_once([*old, *new])], "SampleCount")


def test_what_is_older_than_an_alarm_looks_back_is_forgotten() -> None:
    came = [{"Timestamp": at, "Value": 1.0, "Unit": "Count", "Dimensions": {}} for at in (30.0, 90.0, 150.0)]
    series = read_at_once(came)

    series.read(came, since=2)

    assert look([series], "Sum")[:4] == [None, None, 1.0, None]
