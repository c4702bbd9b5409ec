"""Parts of the traffic that are evaluated by themselves."""

from __future__ import annotations

import pytest

from noriba.features import as_column
from usecases.taxi_eta.slices import SLICES


@pytest.mark.parametrize(
    ("hour", "part"),
    [
        (0.0, "night"),
        (5.99, "night"),
        (6.0, "morning"),
        (10.0, "day"),
        (16.0, "evening"),
        (20.0, "late"),
        (23.99, "late"),
    ],
)
def test_a_day_has_five_parts(hour: float, part: str) -> None:
    assert SLICES["part of day"]({"hour_of_day": as_column([hour])}).tolist() == [part]


@pytest.mark.parametrize(
    ("metres", "band"),
    [(0, "under 1 km"), (1_000, "1-3 km"), (2_999, "1-3 km"), (3_000, "3-8 km"), (8_000, "over 8 km")],
)
def test_distances_have_bands_that_begin_with_their_lower_end(metres: float, band: str) -> None:
    assert SLICES["distance"]({"haversine_m": as_column([metres])}).tolist() == [band]


def test_days_are_weekdays_or_weekend() -> None:
    assert SLICES["kind of day"]({"is_weekend": as_column([0, 1])}).tolist() == ["weekday", "weekend"]


def test_a_ride_belongs_to_the_borough_where_it_begins() -> None:
    rides = {"origin_zone": as_column([132, 161, float("nan")])}

    assert SLICES["origin borough"](rides).tolist() == ["Queens", "Manhattan", "unknown"]
