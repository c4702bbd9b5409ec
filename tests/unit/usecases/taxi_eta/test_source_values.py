"""Times and numbers, however a file types and writes them; a value that cannot be read is a fault of its row."""

from __future__ import annotations

import decimal
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.validation import validate_rows
from tests.unit.usecases.taxi_eta.readings import (
    DROPOFF,
    NEW_YORK,
    PICKUP,
    PICKUP_S,
    PICKUP_WALL_S,
    name_faults,
    read_tlc,
    settle,
)
from usecases.taxi_eta.rules import RULES
from usecases.taxi_eta.sources import CanonicalSource, TlcSource
from usecases.taxi_eta.zones import read_zone_table

TIME_TYPES = {
    **{f"timestamp[{unit}]": pa.array([PICKUP], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")},
    "timestamp in UTC": pa.array([PICKUP.replace(tzinfo=NEW_YORK)], pa.timestamp("us", "UTC")),
    "timestamp in another zone": pa.array([PICKUP.replace(tzinfo=NEW_YORK)], pa.timestamp("us", "Asia/Tokyo")),
    "dictionary of timestamps": pa.array([PICKUP], pa.timestamp("us")).dictionary_encode(),
    **{f"{kind}": pa.array([str(PICKUP)]).cast(kind) for kind in (pa.string(), pa.large_string(), pa.binary())},
    "string_view": pa.array([str(PICKUP)], pa.string_view()),
    "dictionary of strings": pa.array([str(PICKUP)]).dictionary_encode(),
    "padded text": pa.array([f"  {PICKUP}\t"]),
    "ISO 8601": pa.array([PICKUP.isoformat()]),
    "ISO 8601 with fractions": pa.array([f"{PICKUP}.000"]),
    "ISO 8601 with an offset": pa.array(["2023-01-31T17:05:00-05:00"]),
    "ISO 8601 in UTC": pa.array(["2023-01-31T22:05:00Z"]),
    "ISO 8601 with hours of offset only": pa.array(["2023-01-31 22:05:00+00"]),
    "American, of the older files": pa.array(["01/31/2023 05:05:00 PM"]),
}


@pytest.mark.parametrize("kind", TIME_TYPES)
def test_a_time_is_read_from(kind: str) -> None:
    reading, columns = read_tlc(TIME_TYPES[kind], pa.array([DROPOFF], pa.timestamp("us")))

    assert name_faults(reading) == set()
    assert columns["pickup_at_s"] == [PICKUP_S]
    assert columns["pickup_wall_s"] == [PICKUP_WALL_S]
    assert columns["duration_s"] == [900.0]


NUMBER_TYPES = {
    **{str(kind): pa.array([74], kind) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64())},
    **{str(kind): pa.array([74.0]).cast(kind) for kind in (pa.float32(), pa.float64())},
    "decimal": pa.array([decimal.Decimal("74.00")]),
    "text": pa.array([" 74 "]),
    "text with a point": pa.array(["74.0"]),
    "bytes": pa.array([b"74"]),
    "dictionary of numbers": pa.array([74]).dictionary_encode(),
    "dictionary of text": pa.array(["74"]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", NUMBER_TYPES)
def test_a_zone_is_read_from(kind: str) -> None:
    reading, columns = read_tlc([PICKUP], [DROPOFF], PULocationID=NUMBER_TYPES[kind], DOLocationID=[161])

    assert name_faults(reading) == set()
    assert columns["origin_zone"] == [74.0]


@pytest.mark.parametrize(
    "value",
    [
        "junk",
        "2023-13-01 00:00:00",
        "2023-02-30 00:00:00",
        "now",
        "today",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59",
        "99999-01-01 00:00:00",
        "31/01/2023 05:05:00 PM",
        1_675_184_700,
        1.5,
        True,
        decimal.Decimal(1),
        [1],
        {"at": 1},
    ],
)
def test_an_unreadable_time_is_a_fault_of_its_row_and_names_the_column(value: Any) -> None:
    reading, columns = read_tlc(
        pa.array([value, None]), [DROPOFF, DROPOFF], PULocationID=[74] * 2, DOLocationID=[1] * 2
    )

    assert name_faults(reading) == {"unreadable_lpep_pickup_datetime"}
    assert np.isnan(columns["pickup_at_s"]).all()
    # An empty field is not unreadable; the use case's rules say that a time is missing.
    assert name_faults(reading, row=1) == set()
    assert validate_rows(reading, RULES).explain(1).startswith("no_time")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_time_beyond_every_calendar_is_a_fault(unit: str) -> None:
    absurd = pa.array([2**63 - 1, -(2**63) + 1, 0], pa.int64()).cast(pa.timestamp(unit))

    reading, columns = read_tlc(absurd, [DROPOFF] * 3, PULocationID=[74] * 3, DOLocationID=[161] * 3)

    assert [name_faults(reading, row) for row in range(3)] == [{"unreadable_lpep_pickup_datetime"}] * 2 + [set()]
    assert columns["pickup_at_s"][2] == 5 * 3600


@pytest.mark.parametrize(
    "value", ["x", "7_4", "0x4A", "1,5", "\uff17\uff14", b"\xff", True, [1], date(2023, 1, 1), PICKUP]
)
def test_an_unreadable_zone_is_a_fault_of_its_row(value: Any) -> None:
    reading, columns = read_tlc(
        [PICKUP] * 2, [DROPOFF] * 2, PULocationID=pa.array([value, None]), DOLocationID=[161, 161]
    )

    assert name_faults(reading) == {"unreadable_PULocationID"}
    assert name_faults(reading, row=1) == set()
    assert np.isnan(columns["origin_latitude"]).all()


def test_a_column_without_any_value_is_read_as_unknown() -> None:
    reading, columns = read_tlc(pa.nulls(2), pa.nulls(2), PULocationID=pa.nulls(2), DOLocationID=pa.nulls(2))

    assert not any(fault.rows.any() for fault in reading.faults)
    assert np.isnan(columns["pickup_at_s"]).all()
    assert np.isnan(columns["origin_zone"]).all()


@pytest.mark.parametrize("zone", [0, 264, 265, 1000, -1])
def test_a_zone_without_a_place_leaves_the_place_unknown(zone: int) -> None:
    _, columns = read_tlc([PICKUP], [DROPOFF], PULocationID=[zone], DOLocationID=[161])

    assert np.isnan(columns["origin_latitude"]).all()


def test_null_island_is_no_place() -> None:
    zero, good = [0.0], [40.7]

    _, columns = read_tlc(
        [PICKUP],
        [DROPOFF],
        Pickup_latitude=zero,
        Pickup_longitude=zero,
        Dropoff_latitude=good,
        Dropoff_longitude=[-74.0],
    )

    assert np.isnan([*columns["origin_latitude"], *columns["origin_longitude"]]).all()
    assert columns["destination_latitude"] == good


def test_coordinates_go_before_the_zone_and_the_zone_helps_where_they_are_missing() -> None:
    _, columns = read_tlc(
        [PICKUP] * 2,
        [DROPOFF] * 2,
        Pickup_latitude=[40.7, None],
        Pickup_longitude=[-74.0, -74.0],
        PULocationID=[74, 74],
        DOLocationID=[161, 161],
    )

    assert columns["origin_latitude"] == [40.7, float(read_zone_table().latitude[74])]
    assert np.isnan(columns["origin_zone"]).tolist() == [True, False]


ROWS = 3
TEXT = st.text(max_size=30) | st.sampled_from(["2023-01-31 17:05:00", "74", "-73.98", "NaN", "inf", "1e400", "now", ""])
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), TEXT),
    (pa.large_string(), TEXT),
    (pa.binary(), st.binary(max_size=20)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats()),
    (pa.bool_(), st.booleans()),
    (pa.null(), st.none()),
    (pa.date32(), st.dates()),
    (pa.time64("ns"), st.integers(0, 86_399_999_999_999)),
    (pa.duration("ms"), st.integers(-(2**62), 2**62)),
    (pa.decimal128(20, 2), st.decimals(-(10**15), 10**15, places=2)),
    (pa.list_(pa.int64()), st.lists(st.integers(0, 9), max_size=2)),
    *((pa.timestamp(unit), st.integers(-(2**63) + 1, 2**63 - 1)) for unit in ("s", "ms", "us", "ns")),
    *((pa.timestamp(unit, "UTC"), st.integers(-(2**63) + 1, 2**63 - 1)) for unit in ("s", "us")),
]


@st.composite
def arrays(draw: st.DrawFn) -> pa.Array:
    kind, values = draw(st.sampled_from(KINDS))
    rows = draw(st.lists(st.none() | values, min_size=ROWS, max_size=ROWS))
    array = pa.array(rows, kind)
    can_encode = not pa.types.is_list(kind) and not pa.types.is_null(kind)
    return array.dictionary_encode() if can_encode and draw(st.booleans()) else array


@given(
    st.fixed_dictionaries(
        {name: arrays() for name in ("lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID")}
        | {name: arrays() for name in ("dropoff_latitude", "dropoff_longitude")}
    )
)
def test_no_tlc_column_whatever_it_holds_stops_the_file(columns: dict[str, pa.Array]) -> None:
    reading, _ = settle(TlcSource().read(pa.table(columns), object_key="taxi_eta/green_tripdata_2023-01.parquet"))

    validate_rows(reading, RULES)


@given(
    st.fixed_dictionaries(
        {name: arrays() for name in ("pickup_at", "dropoff_at", "origin_zone", "time_zone", "rain_mm_per_h")}
        | {name: arrays() for name in ("destination_latitude", "destination_longitude")}
    )
)
def test_no_canonical_column_whatever_it_holds_stops_the_file(columns: dict[str, pa.Array]) -> None:
    reading, _ = settle(CanonicalSource().read(pa.table(columns), object_key="taxi_eta/trips.parquet"))

    validate_rows(reading, RULES)
