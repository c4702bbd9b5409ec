"""A request for deletion: nothing of the object is left, nothing else is touched, and a second try ends the first."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from functions.commit_snapshot.handler import handler as commit_snapshot
from functions.find_unsettled.handler import handler as find_unsettled
from noriba.aws.erasure import Buckets, NothingToEraseError, StillIngestedError, delete_objects, plan_erasure
from noriba.records.snapshot import SnapshotManifest, name_manifest
from tests.functions.ingest import Ingest, write_trips

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.erasure import Erasure
    from tests.functions.conftest import Cloud

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
JANUARY, FEBRUARY = write_trips("2023-01", broken=3), write_trips("2023-02")
MINE, OTHER, COPY = (f"taxi_eta/green_tripdata_{name}.parquet" for name in ("2023-01", "2023-02", "January"))


@pytest.fixture
def ingest(cloud: Cloud, context: LambdaContext) -> Callable[[str, bytes], dict[str, Any]]:
    """`ingest(key, content)`: land a file and see it through."""
    numbers = itertools.count(1)
    return lambda key, content: Ingest(cloud.land(key, content), f"execution-{next(numbers)}", context).run()


def find_places(cloud: Cloud) -> Buckets:
    return Buckets(raw=cloud.store("raw"), datasets=cloud.store("datasets"), quarantine=cloud.store("quarantine"))


def plan(cloud: Cloud, key: str = MINE) -> Erasure:
    return plan_erasure(
        cloud.ledger(),
        find_places(cloud),
        key,
        use_case="taxi_eta",
        erased_by="arn:aws:iam::123456789012:user/officer",
        reason="request 17",
        now=NOW,
    )


def settle(context: LambdaContext) -> list[dict[str, Any]]:
    """What SETTLE does about it: the events of the erasures, each followed by a commit."""
    found = find_unsettled({"execution": ""}, context)["unsettled"]
    return [commit_snapshot({name: one[name] for name in ("execution", "landed")}, context) for one in found]


def list_everything(cloud: Cloud) -> set[str]:
    """Every version of every object, in all buckets."""
    found = set()
    for bucket in ("raw", "datasets", "quarantine"):
        page = cloud.clients.s3.list_object_versions(Bucket=bucket)
        found |= {f"{bucket}/{one['Key']}" for one in (*page.get("Versions", []), *page.get("DeleteMarkers", []))}
    return found


def test_an_erased_object_leaves_no_row_anywhere_and_others_are_untouched(
    cloud: Cloud, context: LambdaContext, ingest: Callable[[str, bytes], dict[str, Any]]
) -> None:
    ingest(OTHER, FEBRUARY)
    alone = list_everything(cloud)
    first = cloud.ledger().latest_snapshot()
    with_it = ingest(MINE, JANUARY)["snapshot"]["snapshot_id"]
    ingest(MINE, JANUARY[:-9])  # a second version, which was refused

    erasure = plan(cloud)
    cloud.ledger().begin_erasure(erasure)
    (settled,) = settle(context)
    removed = delete_objects(find_places(cloud), erasure)

    assert settled["snapshot_id"] == cloud.ledger().latest_snapshot() == first
    left = list_everything(cloud) - alone
    # What says that there was such a snapshot, by hashes and counts.
    assert left == {f"datasets/taxi_eta/snapshots/{with_it}/{name}" for name in ("manifest.json", "channel.manifest")}
    assert removed["raw versions"] == 2
    assert erasure.snapshots == (with_it,)
    assert [record.key for record in cloud.ledger().list_kept()] == [OTHER]


def test_rows_that_were_landed_under_another_name_too_stay_there(
    cloud: Cloud, context: LambdaContext, ingest: Callable[[str, bytes], dict[str, Any]]
) -> None:
    ingest(COPY, write_trips("2023-01"))
    ingest(MINE, write_trips("2023-01"))

    erasure = plan(cloud)
    cloud.ledger().begin_erasure(erasure)
    settle(context)
    delete_objects(find_places(cloud), erasure)

    assert erasure.shared_with == (COPY,)
    snapshot = cloud.ledger().latest_snapshot()
    assert snapshot is not None
    content = cloud.store("datasets").read(name_manifest("taxi_eta", snapshot))
    for part in SnapshotManifest.model_validate_json(content).parts:
        assert cloud.store("datasets").has_versions(part.key)


def test_when_the_only_object_is_erased_there_is_nothing_to_train_on(
    cloud: Cloud, context: LambdaContext, ingest: Callable[[str, bytes], dict[str, Any]]
) -> None:
    ingest(MINE, JANUARY)
    cloud.ledger().begin_erasure(plan(cloud))

    (settled,) = settle(context)

    assert settled["outcome"] == "nothing_kept"
    assert cloud.ledger().latest_snapshot() is None


@pytest.mark.parametrize("interrupted", ["begun", "settled"])
def test_an_interrupted_erasure_is_finished_as_it_was_planned(
    cloud: Cloud, context: LambdaContext, ingest: Callable[[str, bytes], dict[str, Any]], interrupted: str
) -> None:
    """The ledger has forgotten the parts by then; the plan has not."""
    ingest(OTHER, FEBRUARY)
    ingest(MINE, JANUARY)
    before = plan(cloud)
    cloud.ledger().begin_erasure(before)
    if interrupted == "settled":
        settle(context)

    again = plan(cloud)

    assert again == before
    assert sum(delete_objects(find_places(cloud), again).values()) > 2
    assert sum(delete_objects(find_places(cloud), again).values()) == 0


def test_the_audit_says_who_what_and_why(
    cloud: Cloud, context: LambdaContext, ingest: Callable[[str, bytes], dict[str, Any]]
) -> None:
    ingest(MINE, JANUARY)
    cloud.ledger().begin_erasure(plan(cloud))

    (found,) = find_unsettled({"execution": ""}, context)["unsettled"]

    assert found["erasure"]["detail"] == {
        "use_case": "taxi_eta",
        "key": MINE,
        "versions": 1,
        "erased_by": "arn:aws:iam::123456789012:user/officer",
        "reason": "request 17",
    }
    state = cloud.ledger().find_object(MINE, next(cloud.ledger().list_versions(MINE)).landed.version_id)
    assert state is not None
    assert (state.status, state.reason, state.record) == ("erased", "request 17", None)


def test_the_same_name_can_be_landed_again(
    cloud: Cloud, context: LambdaContext, ingest: Callable[[str, bytes], dict[str, Any]]
) -> None:
    ingest(MINE, JANUARY)
    erasure = plan(cloud)
    cloud.ledger().begin_erasure(erasure)
    settle(context)
    delete_objects(find_places(cloud), erasure)

    assert ingest(MINE, write_trips("2023-01", rows=50))["outcome"] == "created"
    assert plan(cloud).reason == "request 17"
    assert plan(cloud).versions != erasure.versions


def test_an_object_that_is_being_read_is_not_erased_half(cloud: Cloud, context: LambdaContext) -> None:
    Ingest(cloud.land(MINE, JANUARY), "execution-1", context).plan()

    with pytest.raises(StillIngestedError, match="is being ingested; wait"):
        plan(cloud)


def test_what_was_never_landed_cannot_be_erased(cloud: Cloud) -> None:
    with pytest.raises(NothingToEraseError, match="was never landed; the keys of what was: noriba datasets SNAPSHOT"):
        plan(cloud)


def test_a_key_that_begins_like_another_is_another(
    cloud: Cloud, ingest: Callable[[str, bytes], dict[str, Any]]
) -> None:
    ingest(f"{MINE}.copy", JANUARY)

    with pytest.raises(NothingToEraseError):
        plan(cloud)
