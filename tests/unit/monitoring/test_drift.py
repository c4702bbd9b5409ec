"""Drift is told when it is there, and no more often than was promised when it is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from noriba.monitoring.drift import FEWEST_ROWS, _hellinger, measure_drift
from noriba.records.profiles import Profile, count_bins
from noriba.training.profiles import profile_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_S = 86_400.0
DAYS = 56


def make_days(rng: np.random.Generator, days: int, rows: int, *, columns: int = 12) -> dict[str, NDArray[np.float64]]:
    """Columns whose mean wanders from day to day, as those of a city do; and one of few values, with unknown ones."""
    found = {}
    for number in range(columns):
        level = np.repeat(rng.normal(0, 0.2, days), rows)
        found[f"column_{number}"] = level + rng.normal(0, 1, days * rows)
    hour = rng.integers(0, 7, days * rows).astype(np.float64)
    hour[rng.random(days * rows) < 0.01] = np.nan
    return {**found, "hour": hour}


def make_profile(rng: np.random.Generator, *, days: int = DAYS, rows: int = 400, columns: int = 12) -> Profile:
    times_s = np.repeat(np.arange(days) * DAY_S, rows) + np.tile(np.linspace(0, DAY_S - 1, rows), days)
    return profile_columns(make_days(rng, days, rows, columns=columns), times_s)


def count_day(profile: Profile, columns: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.int64]]:
    return {name: count_bins(values, profile.columns[name].edges) for name, values in columns.items()}


@pytest.mark.parametrize("rows", [250, 3_000])
def test_days_like_those_of_training_raise_no_more_alarms_than_promised(rows: int) -> None:
    """Five columns, whatever the number of rows; a chi-square test of one of them calls most days drifted."""
    rng = np.random.default_rng(1)
    ours, naive, looks = 0, 0, 80
    for _ in range(looks):
        profile = make_profile(rng, columns=4)
        day = count_day(profile, make_days(rng, 1, rows, columns=4))
        ours += measure_drift(profile, day, alpha=0.05).verdict == "drifted"
        before = np.array(profile.columns["column_0"].counts).sum(axis=0)[:-1]
        expected = before / before.sum() * day["column_0"][:-1].sum()
        naive += stats.chisquare(day["column_0"][:-1], expected).pvalue < 0.05

    # 0.05 of 80, and two standard deviations of a count.
    assert ours <= 4 + 2 * math.sqrt(4)
    assert naive > looks * (0.5 if rows > 1_000 else 0.1)


def test_a_large_snapshot_and_quiet_days_raise_no_more_alarms() -> None:
    """What follows the time must not be spread more evenly in training than in a day of requests."""
    rng = np.random.default_rng(6)
    days, found, looks = 60, 0, 25

    def make_day(rows: int) -> dict[str, NDArray[np.float64]]:
        peak = 14 + rng.normal(0, 0.1)
        return {"hour": np.sort(rng.normal(peak, 4, rows) % 24)}

    for _ in range(looks):
        sizes = np.where(rng.random(days) < 0.1, 1_000, 10_000)
        hours = np.concatenate([make_day(int(size))["hour"] for size in sizes])
        times_s = np.repeat(np.arange(days), sizes) * DAY_S + hours * 3600
        profile = profile_columns({"hour": hours}, times_s)
        window = make_day(1_000 if rng.random() < 0.3 else 10_000)
        found += measure_drift(profile, count_day(profile, window), alpha=0.05).verdict == "drifted"

    assert found <= 3


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        (lambda day: {**day, "column_3": day["column_3"] + 1.0}, "column_3", "and above was 5.0%"),
        (
            lambda day: {**day, "hour": np.where(day["hour"] > 2, 3.0, day["hour"])},
            "hour",
            "3 to 4 was 14.2%",
        ),
        (
            lambda day: {**day, "column_7": np.full(400, np.nan)},
            "column_7",
            "unknown was 0.0% of rows in training, 100",
        ),
    ],
)
def test_what_has_changed_is_named_in_words(change: object, column: str, words: str) -> None:
    rng = np.random.default_rng(2)
    profile = make_profile(rng)
    day = change(make_days(rng, 1, 400))  # type: ignore[operator]  # a function

    report = measure_drift(profile, count_day(profile, day), alpha=0.05)

    assert (report.verdict, report.drifted) == ("drifted", (column,))
    assert words in report.reason
    found = report.columns[column]
    assert found.distance > 2 * found.usual
    assert found.p_value == pytest.approx(1 / (DAYS + 1), abs=0.005)
    assert all(report.columns[other].p_value > 0.05 for other in report.columns if other != column)


def test_few_rows_and_few_days_are_told_as_such() -> None:
    rng = np.random.default_rng(3)
    profile = make_profile(rng)
    few = count_day(profile, make_days(rng, 1, FEWEST_ROWS - 1))
    report = measure_drift(profile, few, alpha=0.05)
    assert (report.verdict, report.reason) == ("unknown", "not enough data: 199 rows; at least 200 are needed")

    day = count_day(profile, make_days(rng, 1, 400))
    certain = measure_drift(profile, day, alpha=0.01)
    assert certain.verdict == "unknown"
    assert certain.reason.endswith("days of at least 200 rows; 99 are needed to tell an odd day from a usual one")
    one_day = measure_drift(make_profile(rng, days=1), day, alpha=0.05)
    assert "the training data have 1 day of at least 200 rows; 19 are needed" in one_day.reason
    assert measure_drift(profile, {}, alpha=0.05).verdict == "unknown"


def test_the_same_window_gives_the_same_report() -> None:
    rng = np.random.default_rng(4)
    profile = make_profile(rng)
    day = count_day(profile, make_days(rng, 1, 700))

    assert measure_drift(profile, day, alpha=0.05) == measure_drift(profile, day, alpha=0.05)


def test_the_distance_is_hellinger_s() -> None:
    """Of two normal distributions it is known: 1 − exp(−d²/8) for means d apart, binned finely."""
    edges = np.linspace(-8, 9, 4_000)
    one, other = (np.diff(stats.norm.cdf(edges, mean)) for mean in (0.0, 1.0))

    assert float(_hellinger(one, other)) == pytest.approx(math.sqrt(1 - math.exp(-1 / 8)), rel=1e-4)
    assert _hellinger(one, one) == 0


# --- profiles --------------------------------------------------------------------------------------------------------

NUMBERS = st.floats(-1e6, 1e6) | st.just(math.nan) | st.sampled_from([0.0, 1.0, 2.0])


@given(arrays(np.float64, st.integers(1, 200), elements=NUMBERS), st.integers(1, 5))
def test_every_row_is_counted_once(values: NDArray[np.float64], days: int) -> None:
    times_s = np.sort(np.arange(len(values)) % days * DAY_S)

    profile = profile_columns({"x": values}, times_s)

    counts = np.array(profile.columns["x"].counts)
    assert counts.sum() == len(values)
    assert counts[:, -1].sum() == np.isnan(values).sum()
    assert counts.shape == (len(profile.days), len(profile.columns["x"].edges) + 2)
    assert [sum(day) for day in counts] == [np.count_nonzero(times_s == start) for start in np.unique(times_s)]
    assert np.array_equal(count_bins(values, profile.columns["x"].edges), counts.sum(axis=0))


def test_bins_hold_about_the_same_number_of_rows() -> None:
    rng = np.random.default_rng(5)
    profile = profile_columns({"x": rng.lognormal(0, 2, 40_000)}, np.sort(rng.uniform(0, 10 * DAY_S, 40_000)))

    counts = np.array(profile.columns["x"].counts).sum(axis=0)[:-1]
    assert len(counts) == 20
    assert np.abs(counts - 2_000).max() <= 1
    assert [day.isoformat() for day in profile.days[:2]] == ["1970-01-01", "1970-01-02"]


def test_a_large_snapshot_is_looked_at_in_part() -> None:
    rows = 500_000
    profile = profile_columns({"x": np.arange(rows, dtype=np.float64)}, np.linspace(0, 4 * DAY_S - 1, rows))

    counts = [sum(day) for day in profile.columns["x"].counts]
    assert sum(counts) == 200_000
    # Five standard deviations of such a draw.
    assert counts == pytest.approx([50_000] * 4, abs=5 * math.sqrt(50_000 * 0.6 * 0.75))


def test_a_long_history_is_told_by_its_last_year() -> None:
    """Thinned over all of it, no day would have rows enough to be held against others."""
    rng = np.random.default_rng(8)
    days, rows = 1_500, 300
    times_s = np.repeat(np.arange(days) * DAY_S, rows) + np.tile(np.linspace(0, DAY_S - 1, rows), days)
    profile = profile_columns({"length": rng.normal(0, 1, days * rows)}, times_s)

    assert len(profile.days) == 366
    assert profile.days[-1].toordinal() - profile.days[0].toordinal() == 365
    changed = {"length": count_bins(rng.normal(5, 1, 400), profile.columns["length"].edges)}
    assert measure_drift(profile, changed, alpha=0.05).verdict == "drifted"


def test_one_row_far_in_the_future_hides_no_drift() -> None:
    rng = np.random.default_rng(9)
    days, rows = 400, 300
    times_s = np.repeat(np.arange(days) * DAY_S, rows) + np.tile(np.linspace(0, DAY_S - 1, rows), days)
    lengths = rng.normal(0, 1, days * rows)
    profile = profile_columns({"length": np.append(lengths, 0.0)}, np.append(times_s, 47_000 * DAY_S))

    assert len(profile.days) == 366
    changed = {"length": count_bins(rng.normal(5, 1, 400), profile.columns["length"].edges)}
    assert measure_drift(profile, changed, alpha=0.05).verdict == "drifted"
