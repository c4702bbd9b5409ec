"""An hour's file is found under its name, and says which hour it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from noriba.records.observations import TABLES, ObservationTable, name_file, name_folder, read_hour_of_file
from noriba.timestamps import begin_hour, to_microseconds


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_file_s_name_says_its_hour_and_sorts_by_it(table: ObservationTable) -> None:
    hours = [datetime(2026, 7, day, hour, tzinfo=UTC) for day in (1, 10) for hour in (2, 11)]
    keys = [name_file(table, "taxi_eta", hour) for hour in hours]

    assert [read_hour_of_file(key) for key in keys] == hours
    assert keys == sorted(keys)
    assert all(key.startswith(name_folder(table, "taxi_eta")) for key in keys)


def test_other_keys_say_no_hour() -> None:
    for key in ("results/a.csv", "predictions/use_case=a/day=2026-07-01/a.parquet"):
        assert read_hour_of_file(key) is None


def test_microseconds_are_whole_and_hours_are_utc_s() -> None:
    moment = datetime.fromisoformat("2026-07-01T08:30:00.000007+05:30")

    assert to_microseconds(moment) % 1_000_000 == 7
    assert begin_hour(moment) == datetime(2026, 7, 1, 3, tzinfo=UTC)
    with pytest.raises(TypeError):
        to_microseconds(datetime(2026, 7, 1))  # noqa: DTZ001  # what must not be
