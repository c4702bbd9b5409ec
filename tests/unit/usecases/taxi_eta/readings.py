"""A trip as the TLC writes it and as the canonical table does, read by the use case's own sources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from usecases.taxi_eta.features import INPUTS
from usecases.taxi_eta.sources import CanonicalSource, TlcSource

if TYPE_CHECKING:
    from noriba.datasets.sources import Reading

NEW_YORK = ZoneInfo("America/New_York")
PICKUP, DROPOFF = datetime(2023, 1, 31, 17, 5), datetime(2023, 1, 31, 17, 20)  # noqa: DTZ001  # as the TLC writes them
PICKUP_S = datetime(2023, 1, 31, 17, 5, tzinfo=NEW_YORK).timestamp()
PICKUP_WALL_S = datetime(2023, 1, 31, 17, 5, tzinfo=UTC).timestamp()

ZONE_IDS: dict[str, Any] = {"PULocationID": [74], "DOLocationID": [161]}


def read_tlc(
    pickup: Any, dropoff: Any, *, object_key: str = "taxi_eta/trips.parquet", **columns: Any
) -> tuple[Reading, dict[str, list[float]]]:
    table = pa.table({"lpep_pickup_datetime": pickup, "lpep_dropoff_datetime": dropoff, **(columns or ZONE_IDS)})
    return settle(TlcSource().read(table, object_key=object_key))


def read_canonical(**columns: Any) -> tuple[Reading, dict[str, list[float]]]:
    times = {"pickup_at": ["2023-01-31T17:05:00-05:00"], "dropoff_at": ["2023-01-31T22:20:00Z"]}
    places = {"origin_zone": [74], "destination_zone": [161]}
    return settle(CanonicalSource().read(pa.table(times | places | columns), object_key="taxi_eta/trips.csv"))


def settle(reading: Reading) -> tuple[Reading, dict[str, list[float]]]:
    assert set(reading.columns) == {*INPUTS, "duration_s"}
    assert {column.dtype for column in reading.columns.values()} == {np.dtype(np.float64)}
    return reading, {name: column.tolist() for name, column in reading.columns.items()}


def name_faults(reading: Reading, row: int = 0) -> set[str]:
    return {fault.name for fault in reading.faults if fault.rows[row]}
