"""Measured hours in S3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noriba.aws.measurements import Measurements
from noriba.records.measurements import HourMeasurement

if TYPE_CHECKING:
    from noriba.aws.clients import Clients
    from noriba.aws.objects import ObjectStore

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_hours_that_nobody_wrote_again_are_fetched_once(clients: Clients, store: ObjectStore) -> None:
    fetched: list[str] = []
    clients.s3.meta.events.register(
        "before-parameter-build.s3.GetObject", lambda params, **_event: fetched.append(params["Key"])
    )
    hours = [HourMeasurement(hour=NOON + number * HOUR, until=NOON + 5 * HOUR) for number in range(3)]
    Measurements(store, "taxi_eta").write(hours)
    fetched.clear()

    assert Measurements(store, "taxi_eta").read(since=NOON) == hours
    assert len(fetched) == 3

    later = hours[1].model_copy(update={"until": NOON + 6 * HOUR})
    Measurements(store, "taxi_eta").write([later])
    fetched.clear()

    assert Measurements(store, "taxi_eta").read(since=NOON) == [hours[0], later, hours[2]]
    assert Measurements(store, "taxi_eta").read(since=NOON + HOUR) == [later, hours[2]]
    assert len(fetched) == 1
