"""From landed files to a snapshot, and what becomes of bad ones."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from noriba.datasets.parts import hash_content
from noriba.records.ingest import LandedObject, name_refusal

if TYPE_CHECKING:
    from pathlib import Path

    from laptop.recorder import BusRecorder
    from noriba.records.snapshot import SnapshotManifest
    from tests.laptop.loop.conftest import Loop


def write_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    return sink.getvalue()


def test_every_row_is_kept_or_quarantined(snapshot: SnapshotManifest) -> None:
    assert snapshot.rows_read == 12_000
    assert snapshot.rows_kept + snapshot.rows_quarantined == snapshot.rows_read
    assert snapshot.rows_quarantined == 120
    assert sum(part.rows for part in snapshot.parts) == snapshot.rows_kept


def test_a_burst_of_files_is_one_snapshot_announced_once(bus: BusRecorder, snapshot: SnapshotManifest) -> None:
    announced = bus.find("DatasetSnapshotCreated", snapshot_id=snapshot.snapshot_id)
    assert [detail["rows_kept"] for detail in announced] == [snapshot.rows_kept]


def test_parts_are_what_their_names_say_and_pinned_by_version(loop: Loop, snapshot: SnapshotManifest) -> None:
    s3 = loop.session.clients.s3
    for part in snapshot.parts:
        answer = s3.get_object(Bucket=snapshot.bucket, Key=part.key, VersionId=part.version_id)
        assert hash_content(answer["Body"].read()) == part.sha256


def test_quarantined_rows_wait_as_they_came_with_their_reasons(loop: Loop, snapshot: SnapshotManifest) -> None:
    keys = [key for item in snapshot.objects for key in item.quarantine_keys]
    s3 = loop.session.clients.s3
    bucket = loop.session.deployment.quarantine_bucket
    contents = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
    rows = pa.concat_tables([pa.parquet.read_table(io.BytesIO(content)) for content in contents])
    assert rows.num_rows == snapshot.rows_quarantined
    assert {"pickup_at", "origin_latitude", "_row", "_reasons"} <= set(rows.column_names)
    assert any("ends_before_it_begins" in reason for reason in rows["_reasons"].to_pylist())


def test_the_same_event_again_changes_nothing(loop: Loop, bus: BusRecorder, snapshot: SnapshotManifest) -> None:
    sfn, machine = loop.session.clients.stepfunctions, loop.session.deployment.ingest_machine_arn
    first = sfn.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
    event = sfn.describe_execution(executionArn=first)["input"]
    again = [sfn.start_execution(stateMachineArn=machine, input=event)["executionArn"] for _ in range(2)]
    for arn in again:
        status = loop.eventually(lambda arn=arn: _ended(sfn.describe_execution(executionArn=arn)["status"]))  # type: ignore[misc]
        assert status == "SUCCEEDED"
    assert len(loop.session.ledger.list_snapshots()) == 1
    assert len(bus.find("DatasetSnapshotCreated", snapshot_id=snapshot.snapshot_id)) == 1


def test_the_same_content_under_another_name_gives_the_same_snapshot(
    loop: Loop, snapshot: SnapshotManifest, trips: list[Path]
) -> None:
    loop.land_one("copy-of-" + trips[0].name.replace("2026-01", "January"), trips[0].read_bytes())
    assert [snapshot_id for snapshot_id, _created in loop.session.ledger.list_snapshots()] == [snapshot.snapshot_id]


BAD_FILES = {
    "corrupt.parquet": (b"PAR1 and then nothing of the kind", "not readable as Parquet"),
    "unknown-columns.csv": (
        b"colour,size\nred,3\n",
        "no known kind of file has the columns of the first line; needed are",
    ),
    "lacking.csv": (b"pickup_at,origin_zone,destination_zone\n2026-01-01T00:00:00Z,1,2\n", "dropoff_at"),
    "empty-month.csv": (b"lpep_pickup_datetime,lpep_dropoff_datetime,PULocationID,DOLocationID\n", "no rows"),
    "nothing.csv": (b"", "empty"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason_and_harms_nobody(
    loop: Loop, bus: BusRecorder, snapshot: SnapshotManifest, name: str
) -> None:
    content, reason = BAD_FILES[name]
    state = loop.land_one(name, content)
    assert state.status == "refused"
    assert reason in (state.reason or "")
    (announced,) = loop.eventually(lambda: bus.find("ObjectRefused", key=f"taxi_eta/{name}"))
    assert reason in announced["reason"]
    assert reason in read_refusal(loop, announced)["reason"]
    assert loop.session.ledger.latest_snapshot() == snapshot.snapshot_id


def read_refusal(loop: Loop, announced: dict[str, Any]) -> dict[str, Any]:
    where = LandedObject(**{**announced, "sequencer": "", "size": 0})
    bucket = loop.session.deployment.quarantine_bucket
    content = loop.session.clients.s3.get_object(Bucket=bucket, Key=name_refusal(where))["Body"].read()
    document: dict[str, Any] = json.loads(content)
    return document


def test_a_file_for_an_unknown_use_case_is_refused(loop: Loop, bus: BusRecorder, snapshot: SnapshotManifest) -> None:
    bucket = loop.session.deployment.raw_bucket
    loop.session.clients.s3.put_object(Bucket=bucket, Key="bicycles/rides.csv", Body=b"a,b\n1,2\n")
    (announced,) = loop.eventually(lambda: bus.find("ObjectRefused", key="bicycles/rides.csv"))
    assert announced["error"] == "UnknownUseCaseError"
    assert loop.session.ledger.latest_snapshot() == snapshot.snapshot_id


def test_trips_on_the_moon_or_backwards_in_time_are_quarantined_and_the_others_kept(
    loop: Loop, snapshot: SnapshotManifest
) -> None:
    assert snapshot
    start = datetime(2026, 1, 20, 12, tzinfo=UTC)
    table = pa.table(
        {
            "pickup_at": pa.array([start] * 3, pa.timestamp("us", "UTC")),
            "dropoff_at": pa.array(
                [start.replace(minute=9), start.replace(minute=9), start.replace(hour=11)], pa.timestamp("us", "UTC")
            ),
            "origin_latitude": [40.75, 123.0, 40.75],
            "origin_longitude": [-73.98] * 3,
            "destination_latitude": [40.72] * 3,
            "destination_longitude": [-73.99] * 3,
        }
    )
    state = loop.land_one("moon.parquet", write_parquet(table))
    assert state.record is not None
    assert (state.record.rows_kept, state.record.rows_quarantined) == (1, 2)
    assert state.record.reasons.keys() >= {"no_origin", "ends_before_it_begins"}


def test_an_ingest_that_is_stopped_is_settled_in_its_place_and_holds_nobody_up(
    loop: Loop, bus: BusRecorder, snapshot: SnapshotManifest
) -> None:
    assert snapshot
    sfn, machine = loop.session.clients.stepfunctions, loop.session.deployment.ingest_machine_arn
    header, row = "pickup_at,dropoff_at,origin_zone,destination_zone", "2026-01-01T00:00:00Z,2026-01-01T00:10:00Z,1,2"
    big = "\n".join([header, *[row] * 400_000]).encode()
    bucket, key = loop.session.deployment.raw_bucket, "taxi_eta/stopped.csv"
    loop.session.clients.s3.put_object(Bucket=bucket, Key=key, Body=big)

    def find_running() -> str | None:
        for running in sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            given = sfn.describe_execution(executionArn=running["executionArn"])["input"]
            if json.loads(given)["detail"]["object"]["key"] == key:
                return running["executionArn"]
        return None

    sfn.stop_execution(executionArn=loop.eventually(find_running))
    good = loop.land_one("after-the-stopped.csv", f"{header}\n{row}\n".encode())

    assert good.status == "kept"
    (announced,) = loop.eventually(lambda: bus.find("ObjectRefused", key=key))
    assert "its ingest ended before it was done (ABORTED" in announced["reason"]
    assert loop.eventually(lambda: loop.session.ledger.count_pending() == 0)
    latest = loop.session.ledger.latest_snapshot()
    assert latest
    manifest = loop.eventually(lambda: bus.find("DatasetSnapshotCreated", snapshot_id=latest))
    assert manifest[0]["rows_read"] > snapshot.rows_read


def test_what_is_erased_is_in_no_snapshot_to_come_and_in_no_bucket(
    loop: Loop, bus: BusRecorder, snapshot: SnapshotManifest
) -> None:
    assert snapshot
    header, row = "pickup_at,dropoff_at,origin_zone,destination_zone", "2026-01-01T00:00:00Z,2026-01-01T00:10:00Z,7,9"
    before = loop.session.ledger.latest_snapshot()
    state = loop.land_one("to-be-erased.csv", f"{header}\n{row}\n".encode())
    assert state.record is not None
    (part,) = state.record.parts
    loop.eventually(lambda: loop.session.ledger.latest_snapshot() != before)

    would = loop.run_json("noriba", "erase", "to-be-erased.csv", "--reason", "request 17", "--dry-run", "--json")
    done = loop.run_json("noriba", "erase", "to-be-erased.csv", "--reason", "request 17", "--yes", "--json")

    assert would["would_erase"] == done["erased"]
    assert done["removed"]["raw versions"] == 1
    assert loop.session.ledger.latest_snapshot() == before
    (told,) = loop.eventually(lambda: bus.find("ObjectErased", key="taxi_eta/to-be-erased.csv"))
    assert told["reason"] == "request 17"
    assert told["erased_by"].startswith("arn:aws:")
    s3, deployment = loop.session.clients.s3, loop.session.deployment
    for bucket, key in ((deployment.raw_bucket, "taxi_eta/to-be-erased.csv"), (deployment.datasets_bucket, part.key)):
        assert "Versions" not in s3.list_object_versions(Bucket=bucket, Prefix=key)


def _ended(status: str) -> str | None:
    return None if status == "RUNNING" else status
