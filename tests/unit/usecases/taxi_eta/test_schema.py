"""What an app may send: every wrong field is named, and what is right becomes columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from usecases.taxi_eta.features import INPUTS
from usecases.taxi_eta.schema import MAX_CANDIDATES, TaxiEtaRequest, Trip
from usecases.taxi_eta.zones import read_zone_table

HARLEM, MIDTOWN = {"zone_id": 74}, {"zone_id": 161}
RIDE = {"origin": HARLEM, "destination": MIDTOWN, "pickup_at": "2026-03-04T08:30:00-05:00"}
LEFT_OUT = object()


def read(**changes: Any) -> TaxiEtaRequest:
    """The ride above with changes, through the JSON that an app sends."""
    document = {name: value for name, value in (RIDE | changes).items() if value is not LEFT_OUT}
    return TaxiEtaRequest.model_validate_json(json.dumps(document))


def list_faults(**changes: Any) -> dict[str, str]:
    """Field → message of a refused ride."""
    with pytest.raises(ValidationError) as refused:
        read(**changes)
    return {".".join(map(str, fault["loc"])): fault["msg"] for fault in refused.value.errors()}


def test_a_ride_between_zones_becomes_one_row_of_every_input() -> None:
    columns = read().to_columns()

    assert set(columns) == set(INPUTS)
    assert {len(column) for column in columns.values()} == {1}
    assert columns["origin_zone"].tolist() == [74]
    assert columns["origin_latitude"].tolist() == read_zone_table().latitude[[74]].tolist()
    assert columns["pickup_at_s"].tolist() == [datetime(2026, 3, 4, 13, 30, tzinfo=UTC).timestamp()]
    assert columns["pickup_wall_s"].tolist() == [datetime(2026, 3, 4, 8, 30, tzinfo=UTC).timestamp()]
    assert np.isnan(columns["rain_mm_per_h"]).all()


def test_coordinates_are_taken_as_they_are_and_have_no_zone() -> None:
    columns = read(origin={"latitude": 40.7128, "longitude": -74.006}, rain_mm_per_h=3).to_columns()

    assert columns["origin_latitude"].tolist() == [40.7128]
    assert columns["origin_longitude"].tolist() == [-74.006]
    assert np.isnan(columns["origin_zone"]).all()
    assert columns["rain_mm_per_h"].tolist() == [3.0]


@pytest.mark.parametrize("cars", [1, 2, MAX_CANDIDATES])
def test_every_candidate_car_is_a_row_in_the_order_sent(cars: int) -> None:
    candidates = [{"candidate_id": f"car-{car}", "origin": {"zone_id": 1 + car % 263}} for car in range(cars)]

    request = read(origin=LEFT_OUT, candidates=candidates)

    assert request.candidate_ids() == [f"car-{car}" for car in range(cars)]
    columns = request.to_columns()
    assert {len(column) for column in columns.values()} == {cars}
    assert columns["origin_zone"].tolist() == [1.0 + car % 263 for car in range(cars)]
    assert set(columns["destination_zone"].tolist()) == {161.0}


def test_a_single_origin_has_no_candidate_name() -> None:
    assert read().candidate_ids() == [None]


CAR = {"candidate_id": "a", "origin": HARLEM}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"origin": LEFT_OUT}, "", "send either origin or candidates"),
        ({"candidates": [CAR]}, "", "send either origin or candidates"),
        ({"origin": LEFT_OUT, "candidates": []}, "candidates", "at least 1 item"),
        ({"origin": LEFT_OUT, "candidates": [CAR] * 501}, "candidates", "at most 500 items"),
        ({"origin": LEFT_OUT, "candidates": [CAR, CAR]}, "", "two candidates have the same candidate_id"),
        ({"origin": LEFT_OUT, "candidates": [CAR | {"candidate_id": ""}]}, "candidates.0.candidate_id", "at least 1"),
        (
            {"origin": LEFT_OUT, "candidates": [CAR | {"candidate_id": "x" * 65}]},
            "candidates.0.candidate_id",
            "at most 64",
        ),
        ({"origin": LEFT_OUT, "candidates": [{"candidate_id": "a"}]}, "candidates.0.origin", "required"),
        ({"destination": LEFT_OUT}, "destination", "required"),
        ({"pickup_at": LEFT_OUT}, "pickup_at", "required"),
        ({"pickup_at": "2026-03-04T08:30:00"}, "pickup_at", "timezone"),
        ({"pickup_at": "2026-03-04"}, "pickup_at", "write ISO 8601 with zone or offset"),
        ({"pickup_at": "tomorrow"}, "pickup_at", "write ISO 8601 with zone or offset"),
        ({"pickup_at": 1_772_000_000}, "pickup_at", "write ISO 8601 with zone or offset"),
        ({"pickup_at": "1772000000"}, "pickup_at", "write ISO 8601 with zone or offset"),
        ({"pickup_at": "1999-12-31T23:59:59Z"}, "pickup_at", "the year must be from 2000 to 2099"),
        ({"pickup_at": "2100-01-01T00:00:00Z"}, "pickup_at", "the year must be from 2000 to 2099"),
        ({"pickup_at": "2026-02-30T00:00:00Z"}, "pickup_at", "day"),
        ({"time_zone": "Mars/Olympus_Mons"}, "time_zone", "no such time zone; send an IANA name"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "no such time zone"),
        ({"time_zone": "America"}, "time_zone", "no such time zone"),
        ({"time_zone": "posixrules"}, "time_zone", "no such time zone"),
        ({"time_zone": "localtime"}, "time_zone", "no such time zone"),
        ({"time_zone": "Factory"}, "time_zone", "no such time zone"),
        ({"time_zone": "right/UTC"}, "time_zone", "no such time zone"),
        ({"time_zone": ""}, "time_zone", "no such time zone"),
        ({"time_zone": "\0"}, "time_zone", "no such time zone"),
        ({"rain_mm_per_h": -0.1}, "rain_mm_per_h", "greater than or equal to 0"),
        ({"rain_mm_per_h": 301}, "rain_mm_per_h", "less than or equal to 300"),
        ({"rain_mm_per_h": float("nan")}, "rain_mm_per_h", "finite"),
        ({"rain_mm_per_h": "3"}, "rain_mm_per_h", "valid number"),
        ({"colour": "yellow"}, "colour", "not permitted"),
        ({"origin": {"latitude": 0, "longitude": 180}, "destination": {"latitude": 0, "longitude": 0}}, "", "300 km"),
    ],
)
def test_a_wrong_request_names_the_field_at_fault(changes: dict[str, Any], field: str, message: str) -> None:
    faults = list_faults(**changes)

    assert list(faults) == [field]
    assert message in faults[field]


@pytest.mark.parametrize(
    ("place", "field", "message"),
    [
        ({}, "", "give latitude and longitude, or zone_id"),
        ({"latitude": 40.7}, "", "give latitude and longitude, or zone_id"),
        ({"latitude": 40.7, "longitude": -74.0, "zone_id": 4}, "", "give either zone_id or latitude and longitude"),
        ({"longitude": -74.0, "zone_id": 4}, "", "give either zone_id or latitude and longitude"),
        ({"latitude": 90.01, "longitude": 0}, ".latitude", "less than or equal to 90"),
        ({"latitude": -90.01, "longitude": 0}, ".latitude", "greater than or equal to -90"),
        ({"latitude": 0, "longitude": 180.01}, ".longitude", "less than or equal to 180"),
        ({"latitude": 0, "longitude": -180.01}, ".longitude", "greater than or equal to -180"),
        ({"latitude": float("nan"), "longitude": 0}, ".latitude", "finite"),
        ({"latitude": 0, "longitude": float("inf")}, ".longitude", "finite"),
        ({"latitude": "40.7", "longitude": -74.0}, ".latitude", "valid number"),
        ({"latitude": True, "longitude": -74.0}, ".latitude", "valid number"),
        ({"zone_id": 0}, ".zone_id", "this taxi zone has no place; send a zone from 1 to 263"),
        ({"zone_id": 264}, ".zone_id", "has no place"),
        ({"zone_id": -1}, ".zone_id", "has no place"),
        ({"zone_id": 10**30}, ".zone_id", "has no place"),
        ({"zone_id": 10**400}, ".zone_id", "has no place"),
        ({"zone_id": "74"}, ".zone_id", "valid integer"),
        ({"zone_id": 74.5}, ".zone_id", "valid integer"),
        ({"zone_id": 4, "name": "home"}, ".name", "not permitted"),
    ],
)
@pytest.mark.parametrize("end", ["origin", "destination"])
def test_a_wrong_place_is_named_with_its_end(end: str, place: dict[str, Any], field: str, message: str) -> None:
    faults = list_faults(**{end: place})

    assert list(faults) == [f"{end}{field}"]
    assert message in faults[f"{end}{field}"]


@pytest.mark.parametrize("place", [(90, 180), (-90, -180), (0, 0)])
def test_the_ends_of_the_earth_are_places(place: tuple[float, float]) -> None:
    latitude, longitude = place
    there = {"latitude": latitude, "longitude": longitude}

    columns = read(origin=there, destination=there).to_columns()

    assert (columns["origin_latitude"][0], columns["origin_longitude"][0]) == place


def test_every_field_at_fault_is_named_at_once() -> None:
    faults = list_faults(origin={"zone_id": 999}, destination=LEFT_OUT, pickup_at="soon", rain_mm_per_h=-1)

    assert set(faults) == {"origin.zone_id", "destination", "pickup_at", "rain_mm_per_h"}


ZONE = st.sampled_from(["America/New_York", "Asia/Tokyo", "Europe/London", "Australia/Lord_Howe"]).map(ZoneInfo)


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=ZONE))  # noqa: DTZ001  # the zones follow
def test_however_a_moment_is_written_it_is_the_same_moment(moment: datetime) -> None:
    one, other = (read(pickup_at=written.isoformat()) for written in (moment, moment.astimezone(UTC)))

    assert one.to_columns()["pickup_at_s"].tolist() == other.to_columns()["pickup_at_s"].tolist()
    assert one.to_columns()["pickup_wall_s"].tolist() == other.to_columns()["pickup_wall_s"].tolist()


@pytest.mark.parametrize(
    ("pickup_at", "time_zone", "wall"),
    [
        ("2026-03-08T06:59:59Z", "America/New_York", datetime(2026, 3, 8, 1, 59, 59, tzinfo=UTC)),
        ("2026-03-08T07:00:00Z", "America/New_York", datetime(2026, 3, 8, 3, 0, 0, tzinfo=UTC)),
        ("2026-11-01T01:30:00-04:00", "America/New_York", datetime(2026, 11, 1, 1, 30, tzinfo=UTC)),
        ("2026-11-01T01:30:00-05:00", "America/New_York", datetime(2026, 11, 1, 1, 30, tzinfo=UTC)),
        ("2026-11-01T06:30:00Z", "Asia/Tokyo", datetime(2026, 11, 1, 15, 30, tzinfo=UTC)),
    ],
)
def test_the_wall_shows_the_citys_time_through_summer_and_winter(
    pickup_at: str, time_zone: str, wall: datetime
) -> None:
    columns = read(pickup_at=pickup_at, time_zone=time_zone).to_columns()

    assert columns["pickup_wall_s"].tolist() == [wall.timestamp()]


def test_the_hour_that_happens_twice_is_told_apart_by_its_offset() -> None:
    first, second = (
        read(pickup_at=f"2026-11-01T01:30:00-0{offset}:00").to_columns()["pickup_at_s"][0] for offset in (4, 5)
    )

    assert second - first == 3600


def test_a_recorded_trip_needs_zoned_times_and_nothing_else() -> None:
    trip = Trip.model_validate({"pickup_at": "2026-03-04T08:30:00Z", "dropoff_at": "2026-03-04T08:40:00+00:00"})

    assert trip.pickup_at < trip.dropoff_at
    with pytest.raises(ValidationError, match="timezone"):
        Trip.model_validate({"pickup_at": "2026-03-04T08:30:00", "dropoff_at": "2026-03-04T08:40:00Z"})
