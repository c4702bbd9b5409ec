"""The features of a ride: the same in batch and in a single request, bit for bit, and what they say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.features import as_column
from usecases.taxi_eta import USE_CASE
from usecases.taxi_eta.features import FEATURES, INPUTS, number_area
from usecases.taxi_eta.schema import TaxiEtaRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.features import Column, Columns

EDGES = (0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-310, 1.7e308, -1.7e308)
EDGE_TIMES = (
    0.0,  # 1970-01-01T00:00:00Z
    1_772_953_199.999999,  # the last moment before New York's summer time of 2026 begins
    1_772_953_200.0,
    1_793_509_200.0,  # 01:00 for the second time, on 1 November 2026
    951_782_400.0,  # a leap day
    4_102_444_800.0,  # 2100-01-01T00:00:00Z
)
ANY = st.sampled_from(EDGES) | st.floats(width=64)
TIME = st.sampled_from(EDGE_TIMES) | st.floats(0, 4.2e9) | ANY
DEGREES = st.floats(-180, 180) | st.sampled_from([40.7580, -73.9855, 90.0, -90.0, 180.0, -180.0]) | ANY
ZONE = st.integers(0, 265).map(float) | ANY
ROW = st.tuples(
    TIME, TIME, DEGREES, DEGREES, DEGREES, DEGREES, ZONE, ZONE, st.floats(0, 100) | ANY, *[st.floats(-5, 5) | ANY] * 3
)

LAYOUTS: dict[str, Callable[[Column], Column]] = {
    "contiguous": np.ascontiguousarray,
    "every other value of a longer array": lambda column: np.repeat(column, 2)[::2],
    "one column of a table": lambda column: np.column_stack([column, column, column])[:, 1],
    "read backwards": lambda column: np.ascontiguousarray(column[::-1])[::-1],
}


def bits(column: Column) -> list[int]:
    """The values bit for bit; every kind of unknown is alike, because JSON has but one."""
    values: list[int] = np.where(np.isnan(column), np.nan, column).view(np.uint64).tolist()
    return values


def to_columns(rows: list[tuple[float, ...]]) -> dict[str, Column]:
    return {name: as_column([row[index] for row in rows]) for index, name in enumerate(FEATURES.inputs)}


@given(
    st.lists(ROW, min_size=1, max_size=8),
    st.lists(st.integers(0, 7), max_size=192),
    st.sampled_from(sorted(LAYOUTS)),
)
def test_a_row_of_a_batch_is_the_same_row_alone_bit_for_bit(
    rows: list[tuple[float, ...]], repeats: list[int], layout: str
) -> None:
    """Rows repeat at random places, so that each meets every lane and remainder of NumPy's vector kernels."""
    places = [*range(len(rows)), *(place % len(rows) for place in repeats)]
    batch = {name: LAYOUTS[layout](column) for name, column in to_columns([rows[place] for place in places]).items()}

    of_batch = FEATURES.compute(batch)

    alone = [FEATURES.compute(to_columns([row])) for row in rows]
    for name in FEATURES.names:
        expected = [bits(alone[place][name])[0] for place in places]
        assert bits(of_batch[name]) == expected, name


def compute_one(**inputs: float) -> dict[str, float]:
    ride = dict.fromkeys(FEATURES.inputs, 1.0) | inputs
    return {name: float(column[0]) for name, column in FEATURES.compute(one_row(ride)).items()}


def one_row(values: dict[str, float]) -> Columns:
    return {name: as_column([value]) for name, value in values.items()}


def test_a_known_ride() -> None:
    """From East Harlem to the Empire State Building, on a Saturday evening."""
    request = TaxiEtaRequest.model_validate(
        {
            "origin": {"latitude": 40.7947, "longitude": -73.9425},
            "destination": {"latitude": 40.7484, "longitude": -73.9857},
            "pickup_at": "2026-07-04T18:45:00-04:00",
            "rain_mm_per_h": 2.5,
        }
    )

    ride = {
        name: float(column[0]) for name, column in FEATURES.compute(USE_CASE.complete(request.to_columns())).items()
    }

    assert ride["haversine_m"] == pytest.approx(6_301, abs=5)
    assert ride["north_m"] == pytest.approx(-5_148, abs=5)
    assert ride["east_m"] == pytest.approx(-3_637, abs=10)
    assert ride["manhattan_m"] == pytest.approx(-ride["north_m"] - ride["east_m"])
    assert ride["bearing_degrees"] == pytest.approx(215, abs=1)
    assert ride["hour_of_day"] == 18.75
    assert ride["day_of_week"] == 5
    assert ride["is_weekend"] == 1
    assert ride["hour_of_week"] == 5 * 24 + 18.75
    assert ride["traffic_hour"] == 24 + 18
    assert ride["holiday"] == 2
    assert ride["rain"] == 2.5


@pytest.mark.parametrize(("north", "east", "degrees"), [(1, 0, 0), (0, 1, 90), (-1, 0, 180), (0, -1, 270)])
def test_bearings_run_clockwise_from_north(north: float, east: float, degrees: float) -> None:
    ride = compute_one(
        origin_latitude=0, origin_longitude=0, destination_latitude=north * 0.01, destination_longitude=east * 0.01
    )

    assert ride["bearing_degrees"] == pytest.approx(degrees)


def test_a_ride_to_where_one_is_has_no_direction() -> None:
    assert np.isnan(compute_one(destination_latitude=1.0, destination_longitude=1.0)["bearing_degrees"])


def test_midnight_stands_beside_the_minute_before() -> None:
    before, after = compute_one(pickup_wall_s=86_340.0), compute_one(pickup_wall_s=86_400.0)

    assert before["hour_of_day"] - after["hour_of_day"] > 23
    assert before["hour_sine"] == pytest.approx(after["hour_sine"], abs=0.01)
    assert before["hour_cosine"] == pytest.approx(after["hour_cosine"], abs=0.01)


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        pytest.param("2023-11-21", 0, id="two days before Thanksgiving"),
        pytest.param("2023-11-22", 1, id="its eve"),
        pytest.param("2023-11-23", 2, id="Thanksgiving"),
        pytest.param("2023-11-24", 3, id="the day after"),
        pytest.param("2023-11-25", 0, id="two days after"),
        pytest.param("2022-12-31", 1, id="New Year's Eve, of a year that ends on a Saturday"),
        pytest.param("2023-01-01", 2, id="New Year's Day, a Sunday"),
        pytest.param("2099-12-31", 1, id="the last day that can be asked about"),
        pytest.param("2020-06-19", 0, id="Juneteenth, before it was one"),
    ],
)
def test_holidays_and_the_days_around_them_are_told_apart(day: str, kind: int) -> None:
    midnight = np.datetime64(day, "s").astype(float)

    assert compute_one(pickup_wall_s=midnight)["holiday"] == kind
    assert compute_one(pickup_wall_s=midnight + 86_399.0)["holiday"] == kind


@pytest.mark.parametrize("wall_s", [-1e300, 0.0, 1e300, np.inf, -np.inf])
def test_far_from_all_holidays_that_are_known_a_day_is_like_others(wall_s: float) -> None:
    assert compute_one(pickup_wall_s=wall_s)["holiday"] == 0


def test_a_place_is_known_by_its_zone_or_else_by_its_cell_of_the_grid() -> None:
    in_zone = compute_one(origin_zone=161.0, origin_latitude=40.758, origin_longitude=-73.978)
    corner = {"origin_zone": np.nan, "origin_latitude": 40.751, "origin_longitude": -73.989}
    cells = [
        compute_one(**corner),
        compute_one(**corner | {"origin_latitude": 40.7599, "origin_longitude": -73.9801}),
        compute_one(**corner | {"origin_latitude": 40.761}),
        compute_one(**corner | {"origin_longitude": -73.991}),
    ]

    areas = [cell["origin_area"] for cell in cells]

    assert in_zone["origin_area"] == 161.0
    assert areas[0] == areas[1]
    assert len(set(areas)) == 3
    assert min(areas) > 265


def test_different_cells_never_share_a_number() -> None:
    """Of twenty thousand places all over the world, as many numbers as there are cells."""
    places = np.random.default_rng(1).uniform((-90.0, -180.0), (90.0, 180.0), size=(20_000, 2))
    latitude, longitude = as_column(places[:, 0]), as_column(places[:, 1])
    cells = set(zip(np.floor((latitude + 90.0) / 0.01), np.floor((longitude + 180.0) / 0.01), strict=True))

    areas = number_area(np.full(len(places), np.nan), latitude, longitude)

    assert len(set(areas.tolist())) == len(cells)


def test_no_feature_reads_what_is_known_only_after_the_ride() -> None:
    known_after = {"duration_s", "dropoff_at_s", "distance_m", "trip_distance", "fare", "tolls"}

    assert not known_after & set(INPUTS)


def test_an_unknown_time_leaves_the_features_of_time_unknown_and_no_others() -> None:
    ride = compute_one(pickup_wall_s=np.nan)

    unknown = {name for name, value in ride.items() if np.isnan(value)}

    of_time = {"hour_of_day", "hour_sine", "hour_cosine", "day_of_week", "hour_of_week", "is_weekend"}
    # The ride goes nowhere, so it has no bearing either.
    assert unknown == of_time | {"traffic_hour", "holiday", "bearing_degrees"}
