from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from noriba.datasets.sources import choose_source, load_sources
from noriba.features.columns import take_rows
from noriba.usecase import load_observer, load_use_case
from usecases.taxi_eta.simulator import simulate

USE_CASE = load_use_case("taxi_eta")


def read(table: pa.Table, name: str) -> dict[str, np.ndarray]:
    source = choose_source(load_sources(USE_CASE), table.column_names)
    return dict(source.read(table, object_key=name).columns)


def test_a_request_is_read_into_what_its_row_was_read_into() -> None:
    columns = read(simulate(300, seed=1, first_day=date(2026, 3, 1), days=14, fault_share=0.0), "trips.parquet")

    observed = list(load_observer("taxi_eta").observe_rows(columns))

    assert len(observed) == 300
    for row, one in enumerate(observed):
        asked = USE_CASE.request.model_validate(one.request).to_columns()
        for name in asked:
            np.testing.assert_array_equal(asked[name], columns[name][row : row + 1], err_msg=name)
        assert one.outcome == columns["duration_s"][row]
        assert (one.observed_at - one.asked_at).total_seconds() == one.outcome


def test_a_zone_is_asked_about_as_a_zone() -> None:
    table = pa.table(
        {
            "lpep_pickup_datetime": [datetime(2023, 3, 1, 8, 30)],  # noqa: DTZ001  # as the TLC writes it
            "lpep_dropoff_datetime": [datetime(2023, 3, 1, 8, 45)],  # noqa: DTZ001  # likewise
            "PULocationID": [74],
            "DOLocationID": [161],
        }
    )
    columns = read(table, "green_tripdata_2023-03.parquet")

    (one,) = load_observer("taxi_eta").observe_rows(take_rows(columns, np.array([0])))

    assert one.request["origin"] == {"zone_id": 74}
    assert one.request["destination"] == {"zone_id": 161}
    assert one.asked_at == datetime(2023, 3, 1, 13, 30, tzinfo=UTC)
    assert one.observed_at == datetime(2023, 3, 1, 13, 45, tzinfo=UTC)
    asked = USE_CASE.request.model_validate(one.request).to_columns()
    for name in asked:
        np.testing.assert_array_equal(asked[name], columns[name], err_msg=name)
