"""Every header that the TLC has used, the canonical one, and what is missing in those that do not do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from noriba.datasets.sources import choose_source
from noriba.datasets.validation import validate_rows
from noriba.errors import RefusedObjectError
from tests.unit.usecases.taxi_eta.readings import (
    DROPOFF,
    PICKUP,
    PICKUP_S,
    PICKUP_WALL_S,
    ZONE_IDS,
    name_faults,
    read_tlc,
    settle,
)
from usecases.taxi_eta.rules import RULES
from usecases.taxi_eta.sources import SOURCES, CanonicalSource, TlcSource
from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from collections.abc import Sequence


YELLOW_2009 = (
    "vendor_name,Trip_Pickup_DateTime,Trip_Dropoff_DateTime,Passenger_Count,Trip_Distance,Start_Lon,Start_Lat,"
    "Rate_Code,store_and_forward,End_Lon,End_Lat,Payment_Type,Fare_Amt"
)
YELLOW_2010 = (
    "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,pickup_longitude,pickup_latitude,"
    "rate_code,store_and_fwd_flag,dropoff_longitude,dropoff_latitude,payment_type,fare_amount"
)
YELLOW_2014 = ", ".join(YELLOW_2010.split(","))
YELLOW_2015 = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,pickup_longitude,"
    "pickup_latitude,RateCodeID,store_and_fwd_flag,dropoff_longitude,dropoff_latitude,payment_type,fare_amount"
)
YELLOW_2017 = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,"
    "store_and_fwd_flag,PULocationID,DOLocationID,payment_type,fare_amount,Airport_fee"
)
GREEN_2013 = (
    "VendorID,lpep_pickup_datetime,Lpep_dropoff_datetime,Store_and_fwd_flag,RateCodeID,Pickup_longitude,"
    "Pickup_latitude,Dropoff_longitude,Dropoff_latitude,Passenger_count,Trip_distance,Fare_amount"
)
GREEN_2024 = (
    "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,"
    "passenger_count,trip_distance,fare_amount,ehail_fee,trip_type,congestion_surcharge,cbd_congestion_fee"
)
HEADERS = {
    "yellow 2009": YELLOW_2009,
    "yellow 2010 to 2013": YELLOW_2010,
    "yellow 2014, with spaces": YELLOW_2014,
    "yellow 2015": YELLOW_2015,
    "yellow since 2016-07": YELLOW_2017,
    "green 2013": GREEN_2013,
    "green since 2016-07": GREEN_2024,
    "shouting": GREEN_2024.upper(),
}


def write_trip(header: Sequence[str]) -> pa.Table:
    """One trip under that header: from zone 74 to zone 161, by number or by the middle of each."""
    latitude, longitude = read_zone_table().locate(np.array([74.0, 161.0]))
    values: dict[str, str] = {}
    for name in header:
        plain = name.lower().replace("_", "").strip()
        is_end = plain.startswith(("drop", "end", "do")) or "dropoff" in plain
        if "datetime" in plain:
            values[name] = str(DROPOFF if is_end else PICKUP)
        elif "locationid" in plain:
            values[name] = "161" if is_end else "74"
        elif "lon" in plain or "lat" in plain:
            values[name] = repr(float((longitude if "lon" in plain else latitude)[int(is_end)]))
        else:
            values[name] = "7"
    return pa.table({name: [value] for name, value in values.items()})


@pytest.mark.parametrize("year", HEADERS)
def test_the_same_trip_reads_the_same_under_the_header_of(year: str) -> None:
    header = HEADERS[year].split(",")

    source = choose_source(SOURCES, header)
    reading, columns = settle(source.read(write_trip(header), object_key="taxi_eta/trips.csv"))

    assert source.name == "TLC trip records"
    assert name_faults(reading) == set()
    latitude, longitude = read_zone_table().locate(np.array([74.0, 161.0]))
    assert columns["pickup_at_s"] == [PICKUP_S]
    assert columns["pickup_wall_s"] == [PICKUP_WALL_S]
    assert columns["duration_s"] == [900.0]
    assert [*columns["origin_latitude"], *columns["destination_latitude"]] == latitude.tolist()
    assert [*columns["origin_longitude"], *columns["destination_longitude"]] == longitude.tolist()
    zones = [*columns["origin_zone"], *columns["destination_zone"]]
    if "locationid" in HEADERS[year].lower():
        assert zones == [74, 161]
    else:
        assert np.isnan(zones).all()


@pytest.mark.parametrize(
    ("left_out", "wanted"),
    [
        ("lpep_pickup_datetime", "a pickup time (lpep_pickup_datetime"),
        ("lpep_dropoff_datetime", "a drop-off time (lpep_dropoff_datetime"),
        ("PULocationID", "the origin (PULocationID, or its latitude and longitude)"),
        ("DOLocationID", "the destination (DOLocationID, or its latitude and longitude)"),
    ],
)
def test_a_missing_column_is_named_with_what_would_do(left_out: str, wanted: str) -> None:
    header = [name for name in GREEN_2024.split(",") if name != left_out]

    with pytest.raises(RefusedObjectError) as refused:
        choose_source(SOURCES, header)

    assert "looks like TLC trip records" in str(refused.value)
    assert wanted in str(refused.value)


def test_half_a_position_does_not_do() -> None:
    header = [name for name in GREEN_2013.split(",") if name != "Pickup_latitude"]

    assert TlcSource().find_missing(header) == ["the origin (PULocationID, or its latitude and longitude)"]


def test_a_file_of_another_kind_is_told_what_kinds_there_are() -> None:
    with pytest.raises(
        RefusedObjectError, match=r"needed are, for canonical trips: pickup_at, .*; or TLC trip records: a pickup time"
    ):
        choose_source(SOURCES, ["id", "price"])


def test_of_two_columns_that_differ_in_spelling_alone_the_first_is_read() -> None:
    _, columns = read_tlc([PICKUP], [DROPOFF], **ZONE_IDS, pu_location_id=[161])

    assert columns["origin_zone"] == [74.0]


def test_columns_that_a_later_year_adds_are_ignored() -> None:
    plain, _ = read_tlc([PICKUP], [DROPOFF])
    wider, _ = read_tlc([PICKUP], [DROPOFF], **ZONE_IDS, cbd_congestion_fee=[0.75], seats=[["a", "b"]])

    assert {name: column.tobytes() for name, column in plain.columns.items()} == {
        name: column.tobytes() for name, column in wider.columns.items()
    }


@pytest.mark.parametrize(
    ("object_key", "is_outside"),
    [
        ("taxi_eta/green_tripdata_2023-01.parquet", False),
        ("taxi_eta/green_tripdata_2023-02.parquet", True),
        ("taxi_eta/2022-05/trips_2023-01.parquet", False),
        ("taxi_eta/2022-05/trips.parquet", False),
        ("taxi_eta/trips_12023-02.parquet", False),
        ("taxi_eta/trips_2023-13.parquet", False),
    ],
)
def test_a_trip_outside_the_month_in_the_files_name_is_a_fault(object_key: str, is_outside: bool) -> None:
    reading, _ = read_tlc([PICKUP], [DROPOFF], object_key=object_key)

    assert ("outside_the_month" in name_faults(reading)) == is_outside


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (("pickup_at",), ["dropoff_at"]),
        (("dropoff_at", "origin_zone"), ["pickup_at", "destination_latitude and destination_longitude"]),
        (("pickup_at", "dropoff_at", "origin_latitude", "destination_zone"), ["origin_latitude and origin_longitude"]),
    ],
)
def test_the_canonical_table_needs_times_and_places(header: tuple[str, ...], missing: list[str]) -> None:
    found = CanonicalSource().find_missing(header)

    for wanted in missing:
        assert any(wanted in item for item in found)


def list_real_files() -> list[Path]:
    """A few of the TLC's own Parquet files, spread over the years, where the environment names their folder."""
    folder = os.environ.get("NORIBA_TRIPS")
    found = sorted(Path(folder).glob("*.parquet")) if folder else []
    return found[:: max(1, len(found) // 6)]


@pytest.mark.skipif(not list_real_files(), reason="NORIBA_TRIPS names no folder with TLC Parquet files")
@pytest.mark.parametrize("path", list_real_files(), ids=lambda path: path.name)
def test_nearly_every_trip_of_a_real_file_is_kept(path: Path) -> None:
    table = pyarrow.parquet.read_table(path)

    source = choose_source(SOURCES, table.column_names)
    verdict = validate_rows(source.read(table, object_key=f"taxi_eta/{path.name}"), RULES)

    assert verdict.kept.mean() > 0.9
    assert not [name for name in verdict.broken if name.startswith("unreadable")]


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (GREEN_2024 + ",pu_location_id", "PULocationID or pu_location_id"),
        (GREEN_2024 + ",LPEP PICKUP DATETIME", "lpep_pickup_datetime or LPEP PICKUP DATETIME"),
        ("pickup_at,dropoff_at,origin_zone,destination_zone,rain_mm_per_h,Rain mm per h", "rain_mm_per_h or Rain mm"),
        ("pickup_at,dropoff_at,origin_zone,destination_zone,time_zone,timezone", "time_zone or timezone"),
    ],
)
def test_a_column_that_stands_there_under_two_spellings_is_refused_with_both(header: str, named: str) -> None:
    with pytest.raises(RefusedObjectError, match=f"needs one column, not 2, named {named}"):
        choose_source(SOURCES, header.split(","))


def test_two_spellings_of_a_column_that_nobody_reads_do_no_harm() -> None:
    assert isinstance(choose_source(SOURCES, [*GREEN_2024.split(","), "Trip Type"]), TlcSource)
