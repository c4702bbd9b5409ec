"""Splits by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.errors import NotEnoughDataError
from noriba.features import as_column
from noriba.training.splits import ENOUGH_ROWS, MIN_ROWS_PER_SLICE, TimeSplit, split_by_time

SHARES = st.floats(0.05, 0.45)


@given(st.integers(20, 600), st.integers(1, 40), st.integers(0, 1000), SHARES, SHARES)
def test_a_split_goes_forward_in_time_and_parts_no_instant(
    instants: int, most: int, seed: int, calibration_share: float, holdout_share: float
) -> None:
    rows_per_instant = np.random.default_rng(seed).integers(1, most + 1, instants)
    time_s = np.repeat(np.arange(float(instants)), rows_per_instant)

    try:
        split = split_by_time(time_s, calibration_share=calibration_share, holdout_share=holdout_share)
    except NotEnoughDataError:
        smallest = min(calibration_share, holdout_share, 1 - calibration_share - holdout_share)
        # Up to one instant of rows moves to the next slice, and rounding may take one more.
        assert len(time_s) * smallest < MIN_ROWS_PER_SLICE + most + 1
        return

    parts = [time_s[part] for part in (split.fit, split.calibration, split.holdout)]
    assert np.array_equal(np.concatenate(parts), time_s), "every row in exactly one slice, in order"
    assert parts[0][-1] < parts[1][0]
    assert parts[1][-1] < parts[2][0]
    assert min(map(len, parts)) >= MIN_ROWS_PER_SLICE
    # An instant on the edge goes to the later slice as a whole.
    assert -1 <= len(parts[2]) - len(time_s) * holdout_share <= most + 1


def test_without_ties_the_shares_are_as_asked() -> None:
    split = split_by_time(np.arange(10_000.0), calibration_share=0.15, holdout_share=0.10)

    assert (split.fit, split.calibration, split.holdout) == (
        slice(0, 7_500),
        slice(7_500, 9_000),
        slice(9_000, 10_000),
    )


@pytest.mark.parametrize(
    ("rows", "calibration_share", "holdout_share", "message"),
    [
        (1_000, 0.1, 0.3, "1000 rows leave 100 for calibration; at least 200 are needed, land more data"),
        (1_000, 0.3, 0.1, "1000 rows leave 100 for holdout"),
        (1_000, 0.45, 0.45, "1000 rows leave 100 for fit"),
        (0, 0.1, 0.1, "0 rows leave 0 for fit"),
    ],
)
def test_too_few_rows_are_refused_with_the_slice_that_lacks_them(
    rows: int, calibration_share: float, holdout_share: float, message: str
) -> None:
    with pytest.raises(NotEnoughDataError, match=message):
        split_by_time(np.arange(float(rows)), calibration_share=calibration_share, holdout_share=holdout_share)


def test_one_instant_cannot_be_split() -> None:
    with pytest.raises(NotEnoughDataError, match="leave 0 for fit"):
        split_by_time(np.zeros(10_000), calibration_share=0.2, holdout_share=0.2)


def test_rows_out_of_order_are_refused() -> None:
    time_s = np.arange(2_000.0)
    time_s[[5, 6]] = time_s[[6, 5]]

    with pytest.raises(ValueError, match="must be ordered by time"):
        split_by_time(time_s, calibration_share=0.2, holdout_share=0.2)


DAY_S = 86_400.0


def part_by_days(rows_a_day: int, days: int, most_days: float | None) -> TimeSplit:
    time_s = as_column(np.arange(rows_a_day * days) * (DAY_S / rows_a_day))
    return split_by_time(time_s, calibration_share=0.1, holdout_share=0.1, most_days=most_days)


def test_of_a_long_past_only_the_last_days_judge() -> None:
    """Of half a year, a fifth is five weeks: the model would know nothing of them."""
    split = part_by_days(1_000, 180, most_days=7)

    taken = [part.stop - part.start for part in (split.fit, split.calibration, split.holdout)]
    # The row of exactly seven days before is of them.
    assert taken == [165_998, 7_001, 7_001]


def test_days_with_few_rows_judge_together() -> None:
    split = part_by_days(100, 300, most_days=7)

    assert [part.stop - part.start for part in (split.calibration, split.holdout)] == [ENOUGH_ROWS, ENOUGH_ROWS]


def test_where_rows_are_few_the_shares_hold() -> None:
    assert part_by_days(100, 90, most_days=7) == part_by_days(100, 90, most_days=None)
    assert part_by_days(1_000, 30, most_days=7) == part_by_days(1_000, 30, most_days=None)


@given(st.integers(1_000, 30_000), st.integers(1, 400), SHARES, SHARES, st.floats(0.1, 30))
def test_days_take_from_what_judges_and_give_to_what_is_learned(
    rows: int, days: int, calibration_share: float, holdout_share: float, most_days: float
) -> None:
    time_s = np.sort(np.random.default_rng(rows).uniform(0, days * DAY_S, rows))
    try:
        by_share = split_by_time(time_s, calibration_share=calibration_share, holdout_share=holdout_share)
    except NotEnoughDataError:
        return
    split = split_by_time(time_s, calibration_share=calibration_share, holdout_share=holdout_share, most_days=most_days)

    assert split.fit.stop >= by_share.fit.stop
    for now, before in ((split.calibration, by_share.calibration), (split.holdout, by_share.holdout)):
        taken, allowed = now.stop - now.start, before.stop - before.start
        # Rounding moves one row.
        assert min(ENOUGH_ROWS, allowed) - 1 <= taken <= allowed + 1
        if taken > ENOUGH_ROWS + 1:
            assert time_s[now.stop - 1] - time_s[now.start] <= most_days * DAY_S
