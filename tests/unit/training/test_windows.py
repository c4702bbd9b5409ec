"""What a window takes, held against the rows' own times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.training.windows import DAY_S, Sample, find_change_s, take_window
from noriba.usecase import ALL_ROWS, LastDays, RecentFirst, SinceChange
from tests.unit.training.deliveries import USE_CASE, make_deliveries

if TYPE_CHECKING:
    from noriba.features import Column

LABEL, TIME = USE_CASE.data.label, USE_CASE.data.event_time
FIT = slice(100, 3_000)


def spread_over(days: float, *, rows: int = 4_000, seed: int = 0) -> dict[str, Column]:
    """Deliveries at even distances in time."""
    columns = make_deliveries(rows, seed=seed)
    return {**columns, TIME: 1.7e9 + np.linspace(0.0, days * DAY_S, rows)}


def slow_down(columns: dict[str, Column], first: int, factor: float = 1.3) -> dict[str, Column]:
    """From a row on, everything takes longer."""
    label = columns[LABEL].copy()
    label[first:] *= factor
    return {**columns, LABEL: label}


def test_all_rows_are_all_and_count_alike() -> None:
    assert take_window(ALL_ROWS, USE_CASE, spread_over(80), FIT) == Sample(FIT)


@given(st.floats(0.1, 100.0))
def test_the_last_days_are_those_before_the_latest_row_that_may_be_learned_from(days: float) -> None:
    columns = spread_over(80)

    sample = take_window(LastDays(days=days), USE_CASE, columns, FIT)

    age_s = columns[TIME][FIT.stop - 1] - columns[TIME]
    taken = [row for row in range(FIT.start, FIT.stop) if age_s[row] <= days * DAY_S]
    assert (sample.rows, sample.weights) == (slice(taken[0], FIT.stop), None)


def test_a_half_life_halves_what_a_row_counts() -> None:
    columns = spread_over(80)

    sample = take_window(RecentFirst(half_life_days=10.0), USE_CASE, columns, FIT)

    assert sample.rows == FIT
    assert sample.weights is not None
    assert sample.weights[-1] == 1.0
    assert np.all(np.diff(sample.weights) > 0)
    ages_days = (columns[TIME][FIT.stop - 1] - columns[TIME][FIT]) / DAY_S
    for weight, age_days in zip(sample.weights[::500], ages_days[::500], strict=True):
        assert weight == pytest.approx(0.5 ** (age_days / 10.0))


def test_since_the_last_change_is_since_then() -> None:
    columns = slow_down(spread_over(80), 2_000)

    sample = take_window(SinceChange(), USE_CASE, columns, FIT)

    assert sample.weights is None
    assert sample.rows.stop == FIT.stop
    # A day has fifty rows, and the change falls into one.
    assert sample.rows.start == pytest.approx(2_000, abs=100)


def test_without_a_change_it_is_everything_and_what_comes_after_is_not_looked_at() -> None:
    assert take_window(SinceChange(), USE_CASE, spread_over(80), FIT).rows == FIT
    assert take_window(SinceChange(), USE_CASE, slow_down(spread_over(80), FIT.stop), FIT).rows == FIT


def test_more_long_rides_are_no_change() -> None:
    """What is looked at is the label beside what the baseline expects of the row."""
    columns = spread_over(80)
    metres = columns["metres"].copy()
    metres[2_000:] *= 1.5
    longer = {**columns, "metres": metres}
    longer |= USE_CASE.features.compute(longer)
    longer[LABEL] = columns[LABEL] * (metres + 500.0) / (columns["metres"] + 500.0)

    assert find_change_s(USE_CASE, longer, min_days=14) == longer[TIME][0]
    assert find_change_s(USE_CASE, slow_down(longer, 2_000), min_days=14) > longer[TIME][1_900]
