"""Distances and directions, held against another computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.features.columns import as_column
from noriba.features.geometry import EARTH_RADIUS_M, measure_east_m, measure_haversine_m, measure_north_m

LATITUDE = st.floats(-90, 90)
LONGITUDE = st.floats(-180, 180)


def as_vector(latitude: float, longitude: float) -> np.ndarray:
    """A place on the unit sphere, as a vector from the middle of the Earth."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


@given(LATITUDE, LONGITUDE, LATITUDE, LONGITUDE)
def test_the_distance_is_the_angle_between_two_vectors(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> None:
    a, b = as_vector(lat_a, lon_a), as_vector(lat_b, lon_b)
    angle = np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)

    measured = measure_haversine_m(*(as_column([value]) for value in (lat_a, lon_a, lat_b, lon_b)))[0]

    # Half a metre at the other end of the world, where the haversine is at its worst.
    assert measured == pytest.approx(EARTH_RADIUS_M * angle, rel=1e-9, abs=0.5)


@given(st.floats(40.5, 40.95), st.floats(-74.3, -73.7), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_within_a_city_distances_agree_to_the_millimetre(lat: float, lon: float, north: float, east: float) -> None:
    a, b = as_vector(lat, lon), as_vector(lat + north, lon + east)
    chord = float(np.linalg.norm(a - b))

    measured = measure_haversine_m(*(as_column([value]) for value in (lat, lon, lat + north, lon + east)))[0]

    assert measured == pytest.approx(2.0 * EARTH_RADIUS_M * np.arcsin(chord / 2.0), rel=1e-9, abs=1e-3)


@given(LATITUDE, LONGITUDE, LATITUDE, LONGITUDE)
def test_the_way_there_is_as_long_as_the_way_back(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> None:
    there = measure_haversine_m(*(as_column([value]) for value in (lat_a, lon_a, lat_b, lon_b)))
    back = measure_haversine_m(*(as_column([value]) for value in (lat_b, lon_b, lat_a, lon_a)))

    assert there[0] == pytest.approx(back[0], abs=1e-6)


@given(LATITUDE, LONGITUDE)
def test_a_place_is_nowhere_from_itself(latitude: float, longitude: float) -> None:
    here = as_column([latitude]), as_column([longitude])

    assert measure_haversine_m(*here, *here)[0] == 0.0
    assert measure_north_m(here[0], here[0])[0] == 0.0
    assert measure_east_m(*here, *here)[0] == 0.0


@given(st.floats(-60, 60), LONGITUDE, st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_north_and_east_make_up_the_distance(latitude: float, longitude: float, dlat: float, dlon: float) -> None:
    places = [as_column([value]) for value in (latitude, longitude, latitude + dlat, longitude + dlon)]

    north, east = measure_north_m(places[0], places[2])[0], measure_east_m(*places)[0]

    assert np.hypot(north, east) == pytest.approx(measure_haversine_m(*places)[0], rel=1e-3, abs=1e-3)


def test_north_and_east_have_a_sign() -> None:
    times_square, coney_island = (as_column([40.758]), as_column([-73.985])), (as_column([40.575]), as_column([-73.97]))

    assert measure_north_m(times_square[0], coney_island[0])[0] < 0
    assert measure_east_m(*times_square, *coney_island)[0] > 0


def test_east_takes_the_short_way_over_the_date_line() -> None:
    fiji, samoa = (as_column([0.0]), as_column([179.5])), (as_column([0.0]), as_column([-179.5]))

    assert measure_east_m(*fiji, *samoa)[0] == pytest.approx(measure_haversine_m(*fiji, *samoa)[0])


def test_the_other_end_of_the_world_is_half_its_circumference_away() -> None:
    measured = measure_haversine_m(as_column([0.0]), as_column([0.0]), as_column([0.0]), as_column([180.0]))

    assert measured[0] == pytest.approx(np.pi * EARTH_RADIUS_M)


def test_an_unknown_place_is_an_unknown_distance_away() -> None:
    unknown, known = as_column([np.nan]), as_column([1.0])

    assert np.isnan(measure_haversine_m(unknown, known, known, known))[0]
