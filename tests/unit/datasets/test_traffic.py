"""Captured traffic as a raw file: known by its place or its columns, refused by the name of the column."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from noriba.datasets.raw import RawRows
from noriba.datasets.traffic import TrafficSource, find_source
from noriba.datasets.transformation import transform_chunk
from noriba.errors import RefusedObjectError
from noriba.records.traffic import SOURCE
from noriba.usecase import LINEAGE, load_use_case

TAXI, SCOOTER = load_use_case("taxi_eta"), load_use_case("scooter_energy")
HEADER = (*TAXI.features.inputs, "duration_s", *LINEAGE)
PLACE = "taxi_eta/traffic/day=2026-07-01.parquet"
ROW = {
    "pickup_at_s": 1782900000.0,
    "pickup_wall_s": 1782885600.0,
    "origin_latitude": 40.75,
    "origin_longitude": -73.98,
    "destination_latitude": 40.70,
    "destination_longitude": -74.0,
    "origin_zone": None,
    "destination_zone": None,
    "rain_mm_per_h": None,
    "live_city_20_min": -1.2,
    "live_city_1_h": -1.25,
    "live_city_6_h": None,
    "duration_s": 600.0,
    "prediction_id": "p",
    "candidate_id": None,
    "model_version": 1,
}


@pytest.mark.parametrize("use_case", [TAXI, SCOOTER], ids=lambda use_case: use_case.name)
def test_no_use_case_declares_anything_for_it(use_case: object) -> None:
    assert use_case in (TAXI, SCOOTER)
    case = TAXI if use_case is TAXI else SCOOTER
    header = (*case.features.inputs, case.data.label, *LINEAGE)

    for key in (f"{case.name}/traffic/day=2026-07-01.parquet", f"{case.name}/repaired.parquet"):
        assert find_source(case, header, object_key=key).name == SOURCE


def test_elsewhere_a_use_case_s_own_files_are_its_own() -> None:
    header = ("pickup_at", "dropoff_at", "origin_zone", "destination_zone")

    assert find_source(TAXI, header, object_key="taxi_eta/trips.csv").name == "canonical trips"
    with pytest.raises(
        RefusedObjectError, match=r"needed are, for canonical trips: pickup_at, .* or TLC trip records: "
    ):
        find_source(TAXI, ("x", "y"), object_key="taxi_eta/trips.csv")


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (("pickup_at", "dropoff_at"), "which needs pickup_at_s; "),
        (HEADER[:-1], "which needs model_version; land other files"),
        ([name for name in HEADER if name != "rain_mm_per_h"], "needs rain_mm_per_h; columns found"),
        ((*HEADER, "tip"), "needs to be without tip, which taxi_eta does not declare; columns found"),
        ([name.replace("duration_s", "minutes") for name in HEADER], "needs duration_s; to be without minutes, which"),
    ],
)
def test_another_file_in_its_place_is_refused_by_the_column(header: tuple[str, ...], named: str) -> None:
    with pytest.raises(RefusedObjectError, match=re.escape(named)):
        find_source(TAXI, header, object_key=PLACE)


def test_a_row_without_a_header_in_its_place_is_not_repeated() -> None:
    with pytest.raises(RefusedObjectError, match="to be without 2 other columns, which taxi_eta") as refused:
        find_source(TAXI, ("40.7513", "2026-01-01T08:00:00Z"), object_key=PLACE)

    assert "40.7513" not in str(refused.value)
    assert "08:00" not in str(refused.value)


def test_a_file_that_only_looks_like_it_is_refused_wherever_it_lands() -> None:
    with pytest.raises(RefusedObjectError, match="looks like captured traffic, but needs to be without tip"):
        find_source(TAXI, (*HEADER, "tip"), object_key="taxi_eta/mine.parquet")


def test_quarantined_rows_may_be_repaired_and_landed_again() -> None:
    table = pa.table({name: [value] for name, value in ROW.items()} | {"duration_s": [5.0]})
    source = TrafficSource(TAXI)
    quarantine = transform_chunk(RawRows.whole(table), source, TAXI, object_key=PLACE).quarantine
    assert quarantine is not None
    assert quarantine["_reasons"].to_pylist()[0].startswith("too_short")
    repaired = quarantine.set_column(quarantine.column_names.index("duration_s"), "duration_s", [[900.0]])

    again = find_source(TAXI, repaired.column_names, object_key="taxi_eta/repaired.parquet")
    kept = transform_chunk(RawRows.whole(repaired), again, TAXI, object_key=PLACE).kept

    assert kept is not None
    assert kept["duration_s"].to_pylist() == [900.0]


def test_a_value_that_is_no_number_waits_in_quarantine_with_its_column() -> None:
    table = pa.table({name: [value, value] for name, value in ROW.items()} | {"rain_mm_per_h": ["much", "0.5"]})

    chunk = transform_chunk(RawRows.whole(table), TrafficSource(TAXI), TAXI, object_key=PLACE)

    assert chunk.reasons == {"unreadable_rain_mm_per_h": 1}
    assert chunk.kept is not None
    assert chunk.kept["rain_mm_per_h"].to_pylist() == [0.5]
    assert not set(LINEAGE) & set(chunk.kept.column_names)
