"""plan ▸ transform ▸ commit: every row is accounted for, and a snapshot is announced once, whatever comes twice."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest

from functions.refuse_object.handler import handler as refuse_object
from noriba.datasets.transformation import IN_THE_FUTURE
from noriba.errors import RefusedObjectError, UnknownUseCaseError
from noriba.events import DatasetSnapshotCreated, ObjectRefused
from noriba.records.ingest import NO_USE_CASE, LandedObject, name_refusal
from noriba.records.snapshot import SnapshotManifest
from noriba.usecase import load_use_case
from tests.functions.conftest import Cloud, read_event
from tests.functions.ingest import Ingest, write_trips

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

USE_CASE = load_use_case("taxi_eta")
JANUARY = write_trips("2023-01", rows=40, broken=3)
FEBRUARY = write_trips("2023-02", rows=30)
RIDE = "2026-01-05T08:31:17Z,2026-01-05T08:59:41Z,40.7513,-73.9902,40.7281,-73.9437"
KEY = "taxi_eta/green_tripdata_2023-{month}.parquet"


@pytest.fixture
def start(context: LambdaContext) -> Callable[..., Ingest]:
    """`start(event)`: another execution for an event."""
    numbers = itertools.count(1)
    return lambda event: Ingest(event, f"execution-{next(numbers)}", context)


def read_manifest(cloud: Cloud, outcome: dict[str, Any]) -> SnapshotManifest:
    created = DatasetSnapshotCreated.model_validate(outcome["snapshot"])
    bucket, _, key = created.manifest_uri.removeprefix("s3://").partition("/")
    return SnapshotManifest.model_validate_json(cloud.store(bucket).read(key))


# --- one object ------------------------------------------------------------------------------------------------------


def test_a_landed_file_becomes_a_snapshot(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    outcome = start(cloud.land(KEY.format(month="01"), JANUARY)).run()

    assert outcome["outcome"] == "created"
    manifest = read_manifest(cloud, outcome)
    assert (manifest.rows_read, manifest.rows_kept, manifest.rows_quarantined) == (40, 37, 3)
    assert manifest.objects[0].reasons == {"ends_before_it_begins": 3}
    assert manifest.objects[0].source == "TLC trip records"


def test_the_parts_are_what_the_manifest_pins(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    manifest = read_manifest(cloud, start(cloud.land(KEY.format(month="01"), JANUARY)).run())

    for part in manifest.parts:
        content = cloud.store("datasets").open(part.key, version_id=part.version_id, size=part.size).read()
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        assert hashlib.sha256(content).hexdigest() == part.sha256
        assert table.num_rows == part.rows
        assert part.feature_fingerprint == USE_CASE.features.fingerprint
        assert set(USE_CASE.features.names) < set(table.column_names)
    channel = json.loads(cloud.store("datasets").read(f"taxi_eta/snapshots/{manifest.snapshot_id}/channel.manifest"))
    assert [channel[0]["prefix"] + name for name in channel[1:]] == [
        cloud.store("datasets").uri(part.key) for part in manifest.parts
    ]


def test_quarantined_rows_wait_as_they_came_with_the_reason(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    manifest = read_manifest(cloud, start(cloud.land(KEY.format(month="01"), JANUARY)).run())

    (key,) = manifest.objects[0].quarantine_keys
    waiting = pyarrow.parquet.read_table(io.BytesIO(cloud.store("quarantine").read(key))).to_pylist()
    original = pyarrow.parquet.read_table(io.BytesIO(JANUARY)).to_pylist()
    assert [row["_row"] for row in waiting] == [0, 1, 2]
    assert [{name: row[name] for name in original[0]} for row in waiting] == original[:3]
    assert all(row["_reasons"].startswith("ends_before_it_begins") for row in waiting)


def test_rows_of_years_to_come_wait_for_their_correction(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    rows = b"pickup_at,dropoff_at,origin_zone,destination_zone\n" + b"".join(
        f"{year}-05-01T12:00:00-04:00,{year}-05-01T12:15:00-04:00,74,161\n".encode() for year in (2023, 2098, 2024)
    )

    manifest = read_manifest(cloud, start(cloud.land("taxi_eta/trips.csv", rows)).run())

    assert (manifest.rows_kept, manifest.objects[0].reasons) == (2, {IN_THE_FUTURE: 1})
    assert manifest.last_s == datetime.fromisoformat("2024-05-01T12:00:00-04:00").timestamp()


def test_the_chunks_of_a_file_may_finish_in_any_order(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    whole = start(cloud.land(KEY.format(month="01"), JANUARY))
    whole.plan()
    rows = whole.planned["plan"]["chunks"][0]["last"]
    chunks = [
        {"index": index, "first": first, "last": min(first + 16, rows)}
        for index, first in enumerate(range(0, rows, 16))
    ]
    whole.planned["plan"]["chunks"] = chunks[::-1]

    counts = whole.transform()
    whole.planned["plan"]["chunks"] = chunks
    manifest = read_manifest(cloud, whole.commit())

    assert rows == 40
    assert sum(count["read"] for count in counts) == 40
    assert (manifest.rows_kept, len(manifest.parts)) == (37, 3)


def test_a_transform_that_is_retried_changes_nothing(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    def list_parts() -> list[Any]:
        return list(cloud.clients.s3.list_object_versions(Bucket="datasets", Prefix="taxi_eta/parts/")["Versions"])

    ingest = start(cloud.land(KEY.format(month="01"), JANUARY))
    ingest.plan()
    ingest.transform()
    parts = list_parts()

    ingest.transform()

    assert list_parts() == parts
    assert ingest.commit()["outcome"] == "created"


def test_a_commit_that_is_retried_announces_the_same_snapshot_again(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    """The first answer may have been lost on the way to the state machine."""
    ingest = start(cloud.land(KEY.format(month="01"), JANUARY))
    first = ingest.run()

    assert ingest.commit() == first


def test_a_file_without_a_good_row_makes_no_snapshot(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    outcome = start(cloud.land(KEY.format(month="01"), write_trips("2023-01", rows=5, broken=5))).run()

    assert outcome["outcome"] == "nothing_kept"
    assert "see the quarantine" in outcome["reason"]


def test_a_chunk_that_has_not_reported_stops_the_commit(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    ingest = start(cloud.land(KEY.format(month="01"), JANUARY))
    ingest.plan()

    with pytest.raises(RuntimeError, match="1 chunks were planned, 0 reported"):
        ingest.commit()


# --- the same event, again -------------------------------------------------------------------------------------------


def test_one_event_delivered_three_times_makes_one_snapshot_and_one_announcement(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    event = cloud.land(KEY.format(month="01"), JANUARY)

    outcomes = [start(event).run()["outcome"] for _ in range(3)]

    assert outcomes == ["created", "settled", "settled"]
    assert len(cloud.ledger().list_snapshots()) == 1


def test_three_deliveries_at_the_same_time_leave_the_work_to_the_first(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    event = cloud.land(KEY.format(month="01"), JANUARY)
    first, second, third = (start(event) for _ in range(3))

    claims = [execution.plan()["claim"] for execution in (first, second, third)]
    first.transform()

    assert claims == ["claimed", "taken", "taken"]
    assert "plan" not in second.planned
    assert first.commit()["outcome"] == "created"


def test_an_execution_that_is_retried_goes_on_with_its_own_work(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    ingest = start(cloud.land(KEY.format(month="01"), JANUARY))

    assert ingest.plan() == ingest.plan()
    assert ingest.planned["claim"] == "claimed"


def test_the_same_rows_under_another_name_make_no_new_snapshot(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    first = start(cloud.land(KEY.format(month="01"), JANUARY)).run()

    again = start(cloud.land("taxi_eta/copy_2023-01.parquet", JANUARY)).run()

    assert again == {"outcome": "unchanged", "snapshot_id": first["snapshot"]["snapshot_id"]}


# --- several objects -------------------------------------------------------------------------------------------------


def land_both(cloud: Cloud, start: Callable[..., Ingest]) -> list[Ingest]:
    files = {"01": JANUARY, "02": FEBRUARY}
    return [start(cloud.land(KEY.format(month=month), content)) for month, content in files.items()]


def run_one_after_the_other(executions: list[Ingest]) -> list[dict[str, Any]]:
    return [execution.run() for execution in executions]


def run_side_by_side(executions: list[Ingest]) -> list[dict[str, Any]]:
    for execution in executions:
        execution.plan()
    for execution in executions:
        execution.transform()
    return [execution.commit() for execution in executions]


def test_two_files_make_the_same_snapshot_in_whatever_order_they_are_ingested(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    manifests = []
    for run, step in itertools.product((run_one_after_the_other, run_side_by_side), (1, -1)):
        last = run(land_both(cloud, start)[::step])[-1]
        manifests.append(read_manifest(cloud, last))
        cloud.empty()

    assert len({manifest.snapshot_id for manifest in manifests}) == 1
    assert [(manifest.rows_kept, len(manifest.objects)) for manifest in manifests] == [(67, 2)] * 4


def test_while_others_are_at_work_a_snapshot_waits_for_the_last_of_them(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    outcomes = [outcome["outcome"] for outcome in run_side_by_side(land_both(cloud, start))]

    assert outcomes == ["waiting", "created"]


def test_a_corrected_file_takes_the_place_of_the_old_one(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    start(cloud.land(KEY.format(month="01"), JANUARY)).run()

    corrected = start(cloud.land(KEY.format(month="01"), write_trips("2023-01", rows=40))).run()

    manifest = read_manifest(cloud, corrected)
    assert (manifest.rows_read, manifest.rows_kept, manifest.rows_quarantined) == (40, 40, 0)


def test_what_comes_back_is_the_latest_again_and_not_announced_again(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    key = KEY.format(month="01")
    first = start(cloud.land(key, JANUARY)).run()
    start(cloud.land(key, write_trips("2023-01", rows=40))).run()

    back = start(cloud.land(key, JANUARY)).run()

    assert back["outcome"] == "unchanged"
    assert cloud.ledger().latest_snapshot() == back["snapshot_id"] == first["snapshot"]["snapshot_id"]


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "content", "error", "reason"),
    [
        ("taxi_eta/empty.csv", b"", "RefusedObjectError", "the file is empty (0 bytes)"),
        ("taxi_eta/cut.parquet", JANUARY[:-9], "RefusedObjectError", "not readable as Parquet"),
        (
            "taxi_eta/list.csv",
            b"id,price\n1,2\n",
            "RefusedObjectError",
            "no known kind of file has the columns of the first line; needed are, for canonical trips: pickup_at",
        ),
        (
            "taxi_eta/half.csv",
            b"lpep_pickup_datetime,PULocationID\n1,2\n",
            "RefusedObjectError",
            "a drop-off time (lpep_dropoff_datetime",
        ),
        ("bus_eta/trips.parquet", JANUARY, "UnknownUseCaseError", "no use case 'bus_eta'; installed: "),
        ("trips.parquet", JANUARY, "UnknownUseCaseError", "no use case 'trips.parquet'"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_the_reason_recorded(
    cloud: Cloud, start: Callable[..., Ingest], key: str, content: bytes, error: str, reason: str
) -> None:
    event = cloud.land(key, content)

    outcome = start(event).run()

    assert outcome["outcome"] == "nothing_kept"
    refused = ObjectRefused.model_validate(outcome["refused"])
    assert (refused.bucket, refused.key, refused.error) == ("raw", key, error)
    assert reason in refused.reason
    use_case = key.partition("/")[0]
    assert cloud.ledger(use_case).list_refused() == {key: refused.reason}
    place = f"{use_case}/{key}/{event['detail']['object']['version-id']}/refused.json"
    assert json.loads(cloud.store("quarantine").read(place)) == outcome["refused"]


@pytest.mark.parametrize(
    ("key", "use_case", "error"),
    [
        ("/taxi_eta/x.csv", NO_USE_CASE, "UnknownUseCaseError"),
        ("/", NO_USE_CASE, "UnknownUseCaseError"),
        ("x" * 1024, "x" * 1024, "UnknownUseCaseError"),
        ("taxi_eta/" + "k" * 1015, "taxi_eta", "RefusedObjectError"),
        ("taxi_eta/" + "日" * 338, "taxi_eta", "RefusedObjectError"),
    ],
)
def test_a_key_that_cannot_be_part_of_another_is_refused_like_any_other(
    cloud: Cloud, start: Callable[..., Ingest], key: str, use_case: str, error: str
) -> None:
    event = cloud.land(key, b"a\n1\n")

    outcome = start(event).run()

    assert outcome["refused"]["error"] == error
    assert outcome["refused"]["key"] == key
    (reason,) = cloud.ledger(use_case).list_refused().values()
    assert reason == outcome["refused"]["reason"]
    place = name_refusal(LandedObject.from_event(event))
    assert json.loads(cloud.store("quarantine").read(place)) == outcome["refused"]
    assert start(event).plan()["claim"] == "settled"


def test_a_file_with_the_longest_key_is_ingested(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    outcome = start(cloud.land("taxi_eta/" + "k" * 1015, JANUARY)).run()

    manifest = read_manifest(cloud, outcome)
    assert (manifest.rows_kept, manifest.rows_quarantined) == (37, 3)
    (quarantined,) = manifest.objects[0].quarantine_keys
    assert quarantined.startswith("taxi_eta/")
    assert cloud.store("quarantine").read(quarantined)


def test_a_folder_made_in_the_console_is_no_file_and_is_not_refused(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    for key in ("taxi_eta/", "taxi_eta/may/", "elsewhere/"):
        ingest = start(cloud.land(key, b""))

        assert ingest.run() == {"outcome": "folder"}
        assert cloud.ledger(key.partition("/")[0]).list_refused() == {}
    assert list(cloud.store("quarantine").list_keys("")) == []


def test_what_a_refusal_says_of_a_wide_file_fits_a_state(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    header = ",".join(f"column-{number:050}" for number in range(1_000))
    ingest = start(cloud.land("taxi_eta/wide.csv", f"{header}\n1\n".encode()))

    outcome = ingest.run()

    assert "no known kind of file has the columns of the first line" in outcome["refused"]["reason"]
    assert outcome["refused"]["reason"].endswith("the destination (DOLocationID, or its latitude and longitude)")


@pytest.mark.parametrize(
    "rides",
    [
        RIDE,
        f"{RIDE}\n{RIDE}\n",
        f"{RIDE},40.7513\n{RIDE},40.7513\n",
        f"{RIDE.replace(',', ';')}\n{RIDE.replace(',', ';')}\n",
    ],
    ids=["one row", "rows", "a value twice", "semicolons"],
)
@pytest.mark.parametrize("folder", ["", "traffic/"])
def test_rides_without_a_header_are_told_nowhere(
    cloud: Cloud, start: Callable[..., Ingest], capsys: pytest.CaptureFixture[str], rides: str, folder: str
) -> None:
    outcome = start(cloud.land(f"taxi_eta/{folder}rides.csv", rides.encode())).run()

    said = json.dumps(outcome["refused"]) + json.dumps(cloud.ledger().list_refused()) + "".join(capsys.readouterr())
    assert "rides.csv" in said
    assert not [value for value in RIDE.split(",") if value in said]


def test_a_header_with_one_column_twice_is_refused_with_both_names(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    header = "pickup_at,Pickup At,dropoff_at,origin_zone,destination_zone,Notes,notes"

    outcome = start(cloud.land("taxi_eta/twice.csv", f"{header}\n1,2,3,4,5,6,7\n".encode())).run()

    assert "needs one column, not 2, named pickup_at or Pickup At; columns found" in outcome["refused"]["reason"]


def test_an_object_of_which_every_chunk_is_refused_gives_a_reason_that_can_be_read(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    ingest = start(cloud.land(KEY.format(month="01"), JANUARY[:40] + bytes(400) + JANUARY[440:]))
    ingest.plan()
    ingest.planned["plan"]["chunks"] = [{"index": index, "first": index, "last": index + 1} for index in range(16)]
    ingest.transform()

    with pytest.raises(RefusedObjectError) as refused:
        ingest.commit()

    assert str(refused.value).count("not readable as Parquet") == 10


def test_damage_inside_a_file_is_found_by_the_chunk_and_refuses_the_whole(
    cloud: Cloud, start: Callable[..., Ingest]
) -> None:
    ingest = start(cloud.land(KEY.format(month="01"), JANUARY[:40] + bytes(400) + JANUARY[440:]))
    ingest.plan()

    counts = ingest.transform()

    assert counts == [{"read": 0, "kept": 0, "quarantined": 0}]
    with pytest.raises(RefusedObjectError, match="chunk 0: not readable as Parquet"):
        ingest.commit()


def test_a_refused_file_does_not_hold_up_those_that_waited_for_it(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    good, bad = (
        start(cloud.land(key, content))
        for key, content in ((KEY.format(month="01"), JANUARY), ("taxi_eta/cut.parquet", JANUARY[:-9]))
    )
    good.plan()
    with pytest.raises(RefusedObjectError) as refused:
        bad.plan()
    good.transform()

    waiting = good.commit()
    settled = bad.refuse(refused.value)

    assert waiting["outcome"] == "waiting"
    assert settled["outcome"] == "created"
    assert [item.key for item in read_manifest(cloud, settled).objects] == [KEY.format(month="01")]


def test_a_refused_file_delivered_again_is_not_looked_at_again(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    event = cloud.land("taxi_eta/empty.csv", b"")
    start(event).run()

    assert start(event).plan()["claim"] == "settled"


def test_the_errors_that_the_state_machine_catches_are_those_raised(cloud: Cloud, start: Callable[..., Ingest]) -> None:
    with pytest.raises(UnknownUseCaseError):
        start(cloud.land("bus_eta/x.csv", b"a\n1\n")).plan()
    with pytest.raises(RefusedObjectError):
        start(cloud.land("taxi_eta/x.csv", b"a\n1\n")).plan()


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (read_event("step_failure")["Cause"], "the file is empty (0 bytes)"),
        ("States.Timeout", "States.Timeout"),
        ("[1]", "[1]"),
        ('{"errorMessage": "' + "x" * 5_000 + '"}', "x" * 1_000),
    ],
)
def test_the_reason_is_the_functions_own_words_where_there_are_any(
    cloud: Cloud, start: Callable[..., Ingest], cause: str, reason: str
) -> None:
    ingest = start(cloud.land("taxi_eta/empty.csv", b""))
    with pytest.raises(RefusedObjectError):
        ingest.plan()

    refusal = refuse_object(
        {"execution": ingest.execution, "event": ingest.event, "failure": {"Error": "E", "Cause": cause}},
        ingest.context,
    )

    assert refusal["refused"]["reason"] == reason
    assert cloud.ledger().list_refused() == {"taxi_eta/empty.csv": reason}
