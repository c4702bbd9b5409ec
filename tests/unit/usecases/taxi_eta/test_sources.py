"""The change of the clock, and the canonical table with a clock for each row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.validation import validate_rows
from tests.unit.usecases.taxi_eta.readings import (
    NEW_YORK,
    PICKUP,
    PICKUP_S,
    PICKUP_WALL_S,
    name_faults,
    read_canonical,
    read_tlc,
)
from usecases.taxi_eta.rules import RULES

NIGHT = "2023-11-05"  # from 01:00 to 02:00 twice
SPRING = "2023-03-12"  # from 02:00 to 03:00 not at all


@pytest.mark.parametrize(
    ("pickup", "dropoff", "duration_s"),
    [
        (f"{NIGHT} 00:50:00", f"{NIGHT} 01:10:00", 1200),
        (f"{NIGHT} 01:10:00", f"{NIGHT} 01:50:00", 2400),
        (f"{NIGHT} 01:50:00", f"{NIGHT} 01:10:00", 1200),  # it ends in the second of the two hours
        (f"{NIGHT} 00:30:00", f"{NIGHT} 02:30:00", 3 * 3600),
        (f"{SPRING} 01:55:00", f"{SPRING} 03:05:00", 600),
    ],
)
def test_a_trip_through_the_change_of_the_clock_lasts_as_long_as_it_did(
    pickup: str, dropoff: str, duration_s: float
) -> None:
    reading, columns = read_tlc([pickup], [dropoff])

    assert name_faults(reading) == set()
    assert columns["duration_s"] == [duration_s]


def test_a_time_that_never_was_is_a_fault_that_names_its_end() -> None:
    reading, columns = read_tlc(
        [f"{SPRING} 02:30:00", f"{SPRING} 01:30:00"],
        [f"{SPRING} 03:05:00", f"{SPRING} 02:05:00"],
        PULocationID=[74, 74],
        DOLocationID=[161, 161],
    )

    assert name_faults(reading, row=0) == {"pickup_in_skipped_hour"}
    assert name_faults(reading, row=1) == {"dropoff_in_skipped_hour"}
    verdict = validate_rows(reading, RULES)
    assert "pickup lies in the hour that summer time skips" in verdict.explain(0)
    assert "dropoff lies in the hour that summer time skips" in verdict.explain(1)
    assert np.isnan(columns["duration_s"]).all()


@given(st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)), st.integers(60, 7200))  # noqa: DTZ001  # on the wall
def test_instants_are_those_of_zoneinfo(pickup: datetime, seconds: int) -> None:
    pickup = pickup.replace(microsecond=0)
    start = pickup.replace(tzinfo=NEW_YORK)
    end = (start.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(NEW_YORK)
    if start.astimezone(UTC).astimezone(NEW_YORK).replace(tzinfo=None) != pickup or end.fold:
        return  # a time that never was, or one that says too little

    _, columns = read_tlc([pickup], [end.replace(tzinfo=None)])

    assert columns["pickup_at_s"] == [start.timestamp()]
    assert columns["duration_s"] == [seconds]


def test_a_canonical_trip_is_read() -> None:
    reading, columns = read_canonical(rain_mm_per_h=["0.5"])

    assert name_faults(reading) == set()
    assert columns["pickup_at_s"] == [PICKUP_S]
    assert columns["pickup_wall_s"] == [PICKUP_WALL_S]
    assert columns["duration_s"] == [900.0]
    assert columns["origin_zone"] == [74.0]
    assert columns["rain_mm_per_h"] == [0.5]


def test_parquet_and_csv_of_one_trip_read_the_same() -> None:
    instants = pa.array([PICKUP.replace(tzinfo=NEW_YORK)], pa.timestamp("ms", "UTC"))
    _, of_text = read_canonical(rain_mm_per_h=["0.5"], origin_zone=["74"])
    _, of_types = read_canonical(pickup_at=instants, rain_mm_per_h=[0.5])

    np.testing.assert_equal(of_text, of_types)


def test_each_row_may_have_its_own_clock() -> None:
    zones = ["Asia/Tokyo", None, " Europe/London ", "Mars/Olympus_Mons", "../etc/passwd"]
    rows = len(zones)

    reading, columns = read_canonical(
        pickup_at=["2023-01-31T22:05:00Z"] * rows,
        dropoff_at=["2023-01-31T22:20:00Z"] * rows,
        origin_zone=[74] * rows,
        destination_zone=[161] * rows,
        time_zone=zones,
    )

    hours_ahead = [(wall - PICKUP_S) / 3600 for wall in columns["pickup_wall_s"]]
    assert hours_ahead[:3] == [9.0, -5.0, 0.0]
    assert np.isnan(hours_ahead[3:]).all()
    assert [name_faults(reading, row) for row in range(rows)] == [set()] * 3 + [{"unknown_time_zone"}] * 2


@pytest.mark.parametrize(
    "pickup_at",
    [
        pa.array(["2023-01-31 17:05:00"]),
        pa.array(["2023-01-31"]),
        pa.array([PICKUP], pa.timestamp("us")),
        pa.array([PICKUP.date()]),
    ],
)
def test_a_time_without_a_zone_is_a_fault(pickup_at: pa.Array) -> None:
    reading, _ = read_canonical(pickup_at=pickup_at)

    assert name_faults(reading) == {"pickup_at_without_zone"}


@pytest.mark.parametrize("value", ["junk", "now", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", 7, [1]])
def test_an_unreadable_canonical_time_is_a_fault(value: Any) -> None:
    reading, _ = read_canonical(pickup_at=pa.array([value]))

    assert name_faults(reading) == {"unreadable_pickup_at"}
