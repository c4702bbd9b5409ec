"""What a value may cost to read: nothing grows with the longest value, nor with how many of them there are."""

from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from usecases.taxi_eta.sources import CanonicalSource, TlcSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from noriba.datasets.sources import Reading

ROWS = 2_000
RIDE = {
    "pickup_at": "2026-01-05T12:00:00-05:00",
    "dropoff_at": "2026-01-05T12:15:00-05:00",
    "origin_zone": "74",
    "destination_zone": "161",
    "time_zone": "America/New_York",
    "rain_mm_per_h": "0.5",
}


def read(*, source: CanonicalSource | TlcSource | None = None, **columns: Sequence[str | bytes]) -> Reading:
    rows = {name: [value] * ROWS for name, value in RIDE.items()} | columns
    return (source or CanonicalSource()).read(pa.table(rows), object_key="taxi_eta/trips.csv")


def name_violations(reading: Reading) -> dict[str, list[int]]:
    return {fault.name: fault.rows.nonzero()[0].tolist() for fault in reading.faults if fault.rows.any()}


def count_calls(zones: Sequence[str]) -> int:
    calls = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        read(time_zone=zones)
    finally:
        sys.setprofile(None)
    return calls


def test_another_word_for_a_time_zone_costs_a_look_up_and_no_search_of_the_disk() -> None:
    same, different = ["nowhere"] * ROWS, [f"nowhere {row}" for row in range(ROWS)]
    read(time_zone=same)

    assert count_calls(different) - count_calls(same) < 5 * ROWS
    assert name_violations(read(time_zone=different)) == {"unknown_time_zone": list(range(ROWS))}


def test_each_row_keeps_its_own_time_zone() -> None:
    zones = ["Europe/Berlin", "", "America/New_York", "nowhere", "Asia/Tokyo"] * (ROWS // 5)

    reading = read(time_zone=zones)

    hours = (reading.columns["pickup_wall_s"] - reading.columns["pickup_at_s"])[:5] / 3600
    assert [None if hour != hour else hour for hour in hours.tolist()] == [1, -5, -5, None, 9]  # noqa: PLR0124  # NaN
    assert name_violations(reading) == {"unknown_time_zone": list(range(3, ROWS, 5))}


@pytest.mark.parametrize("name", RIDE)
@pytest.mark.parametrize("value", ["9" * 100_000, "2" + "T" * 100_000, b"9" * 100_000], ids=["digits", "T", "bytes"])
def test_a_value_much_too_long_is_a_fault_of_its_row_and_costs_the_others_nothing(
    name: str, value: str | bytes
) -> None:
    usual = RIDE[name] if isinstance(value, str) else RIDE[name].encode()
    column = [usual, value] + [usual] * (ROWS - 2)
    read()
    tracemalloc.start()

    reading = read(**{name: column})  # type: ignore[arg-type]

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < ROWS * 2_000
    violations = name_violations(reading)
    assert f"unreadable_{name}" in violations or "unknown_time_zone" in violations
    assert {row for rows in violations.values() for row in rows} == {1}
