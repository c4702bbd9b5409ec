"""Days of traffic are gathered when they are due, once, and again when outcomes have come since."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pyarrow.parquet
import pytest

from functions.gather_traffic import handler as module
from functions.gather_traffic.handler import MOST_DAYS, NotGatheredError, TrafficOffError, handler
from noriba.aws.erasure import Buckets, delete_objects, plan_erasure
from noriba.aws.gathering import TrafficGathering
from noriba.aws.objects import ObjectStore
from noriba.client.snapshots import count_traffic
from noriba.records.observations import OUTCOMES, PREDICTIONS, name_file
from noriba.records.snapshot import SnapshotManifest
from noriba.records.traffic import SOURCE, GatherReport, GatherTask, name_day, name_receipt
from noriba.timestamps import begin_hour
from noriba.usecase import TrafficPolicy, load_use_case
from tests.functions.conftest import read_counts
from tests.functions.ingest import Ingest
from tests.unit.datasets.asked import Told, capture, write_outcomes, write_predictions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_s3 import S3Client

    from noriba.aws.ledger import Ledger
    from noriba.records.erasure import Erasure
    from tests.functions.conftest import Cloud

TAXI = load_use_case("taxi_eta")
RIDE = dict(TAXI.golden_requests[0])
MIDNIGHT = begin_hour(datetime.now(UTC)).replace(hour=0)
WAITED = TAXI.policies.traffic.wait_hours
LATE_DAYS = round(TAXI.policies.traffic.late_hours / 24)


def list_noon(days_ago: int) -> datetime:
    return MIDNIGHT - timedelta(days=days_ago) + timedelta(hours=12)


def serve(cloud: Cloud, *prediction_ids: str, at: datetime, value: float | None = 600.0, after_h: float = 1) -> None:
    """An hour of predictions, and what was reported of them some hours later."""
    hour = begin_hour(at)
    answers = [capture(TAXI, RIDE, prediction_id, at=at) for prediction_id in prediction_ids]
    cloud.store("observations").write(name_file(PREDICTIONS, "taxi_eta", hour), write_predictions({"v1": answers}))
    if value is not None:
        tell(cloud, *prediction_ids, at=at + timedelta(hours=after_h), value=value)


def tell(cloud: Cloud, *prediction_ids: str, at: datetime, value: float = 600.0) -> None:
    told = [Told(prediction_id, value, observed_at=at, reported_at=at) for prediction_id in prediction_ids]
    cloud.store("observations").write(name_file(OUTCOMES, "taxi_eta", begin_hour(at)), write_outcomes(TAXI, told))


def gather(context: LambdaContext, **task: Any) -> GatherReport:
    """What the function answers: to the clock, unless a task is given."""
    event = GatherTask(**task).model_dump(mode="json") if task else {"source": "aws.events", "detail": {}}
    return GatherReport.model_validate(handler(event, context))


def read_rows(cloud: Cloud, day: date) -> list[dict[str, Any]]:
    content = cloud.store("raw").read(name_day("taxi_eta", day))
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def list_landed(cloud: Cloud) -> list[str]:
    """Every version in the raw bucket, by its key."""
    return [version["Key"] for version in cloud.clients.s3.list_object_versions(Bucket="raw").get("Versions", [])]


def test_a_day_that_is_over_for_long_enough_becomes_one_object(cloud: Cloud, context: LambdaContext) -> None:
    noon = list_noon(2)
    serve(cloud, "p", "q", at=noon)
    serve(cloud, "r", at=noon + timedelta(hours=5), value=None)

    report = gather(context)

    assert report.done
    [day] = [found for found in report.days if found.rows]
    assert (day.use_case, day.day, day.rows, day.written, day.without_outcome) == ("taxi_eta", noon.date(), 2, True, 1)
    assert list_landed(cloud) == [f"taxi_eta/traffic/day={noon:%Y-%m-%d}.parquet"]
    assert [row["prediction_id"] for row in read_rows(cloud, noon.date())] == ["p", "q"]


def test_a_day_that_is_not_over_for_long_enough_is_left_alone(cloud: Cloud, context: LambdaContext) -> None:
    serve(cloud, "p", at=list_noon(0))

    assert gather(context) == GatherReport(done=True)
    assert list_landed(cloud) == []


def test_a_day_gathered_twice_is_one_version(cloud: Cloud, context: LambdaContext) -> None:
    noon = list_noon(2)
    serve(cloud, "p", at=noon)
    gather(context)

    assert gather(context) == GatherReport(done=True)
    assert [day.written for day in gather(context, use_case="taxi_eta", day=noon.date()).days] == [False]
    # As after a crash between the object and its receipt.
    cloud.store("observations").delete_versions(name_receipt("taxi_eta", noon.date(), "first"))
    assert [day.written for day in gather(context).days] == [False]
    assert len(list_landed(cloud)) == 1


def test_outcomes_that_came_late_are_in_the_last_look_and_the_first_does_not_hang_on_when_it_is_taken(
    cloud: Cloud, context: LambdaContext
) -> None:
    noon = list_noon(LATE_DAYS)  # first look due, last one not
    serve(cloud, "p", "q", at=noon, value=None)
    tell(cloud, "p", at=noon + timedelta(hours=1))
    tell(cloud, "q", "p", at=noon + timedelta(hours=12 + WAITED), value=700.0)

    [day] = gather(context).days

    assert (day.rows, day.without_outcome) == (1, 1)
    assert [row["duration_s"] for row in read_rows(cloud, noon.date())] == [600.0]


def test_after_an_outage_the_last_look_alone_is_taken(cloud: Cloud, context: LambdaContext) -> None:
    noon = list_noon(LATE_DAYS + 5)
    serve(cloud, "p", "q", at=noon, value=None)
    tell(cloud, "p", at=noon + timedelta(hours=1))
    tell(cloud, "q", "p", at=noon + timedelta(hours=12 + WAITED), value=700.0)

    [day] = gather(context).days

    assert (day.rows, day.contradicted) == (2, 1)
    assert [row["duration_s"] for row in read_rows(cloud, noon.date())] == [700.0, 700.0]
    assert gather(context).days == ()


def test_missed_days_are_made_up_for_in_their_order_some_in_one_go(cloud: Cloud, context: LambdaContext) -> None:
    days = [list_noon(days_ago) for days_ago in range(20, 10, -1)]
    for noon in days:
        serve(cloud, f"p{noon:%d}", at=noon)

    reports = [gather(context, use_case="taxi_eta") for _ in range(3)]

    assert [report.done for report in reports] == [False, True, True]
    gathered = [day.day for report in reports for day in report.days]
    assert len(reports[0].days) == MOST_DAYS
    assert gathered == [noon.date() for noon in days]


def test_a_day_without_an_outcome_writes_nothing_and_is_looked_at_once(cloud: Cloud, context: LambdaContext) -> None:
    serve(cloud, "p", at=list_noon(9), value=None)

    [day] = gather(context).days

    assert (day.rows, day.written, day.without_outcome) == (0, False, 1)
    assert list_landed(cloud) == []
    assert gather(context).days == ()


def test_days_whose_observations_are_about_to_expire_are_left_as_they_are(cloud: Cloud, context: LambdaContext) -> None:
    serve(cloud, "p", at=list_noon(91))

    assert gather(context).days == ()


def test_a_day_on_demand_is_taken_as_it_stands_and_looked_at_again_in_its_time(
    cloud: Cloud, context: LambdaContext
) -> None:
    now = datetime.now(UTC)
    serve(cloud, "p", at=now, after_h=0)

    [day] = gather(context, use_case="taxi_eta", day=now.date()).days

    assert (day.rows, day.written) == (1, True)
    assert list(cloud.store("observations").list_keys("gathered/")) == []


def test_the_policy_can_switch_it_off(cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(cloud, "p", at=list_noon(2))
    off = replace(TAXI, policies=replace(TAXI.policies, traffic=TrafficPolicy(gather=False)))
    monkeypatch.setattr(module, "load_use_case", lambda _name: off)

    assert gather(context, use_case="taxi_eta") == GatherReport(done=True)
    with pytest.raises(TrafficOffError, match="traffic of taxi_eta is not gathered; set gather"):
        gather(context, use_case="taxi_eta", day=list_noon(2).date())
    assert list_landed(cloud) == []


def test_what_is_wrong_with_one_use_case_holds_up_no_other(cloud: Cloud, context: LambdaContext) -> None:
    serve(cloud, "p", at=list_noon(2))
    key = name_file(PREDICTIONS, "scooter_energy", begin_hour(list_noon(2)))
    cloud.store("observations").write(key, b"no Parquet")

    with pytest.raises(NotGatheredError, match="scooter_energy"):
        gather(context)
    assert len(list_landed(cloud)) == 1


def test_what_is_wrong_with_one_day_holds_up_no_other(cloud: Cloud, context: LambdaContext) -> None:
    serve(cloud, "p", at=list_noon(2))
    broken = begin_hour(list_noon(5))
    cloud.store("observations").write(name_file(PREDICTIONS, "taxi_eta", broken), b"no Parquet")

    with pytest.raises(NotGatheredError, match=f"traffic of taxi_eta on {broken:%Y-%m-%d} could not be gathered"):
        gather(context)
    assert list_landed(cloud) == [name_day("taxi_eta", list_noon(2).date())]


def test_days_that_fail_each_time_do_not_stand_before_the_others(cloud: Cloud, context: LambdaContext) -> None:
    serve(cloud, "p", at=list_noon(2))
    for days_ago in range(5, 5 + MOST_DAYS):
        broken = name_file(PREDICTIONS, "taxi_eta", begin_hour(list_noon(days_ago)))
        cloud.store("observations").write(broken, b"no Parquet")

    with pytest.raises(NotGatheredError):
        gather(context)
    assert list_landed(cloud) == []

    with pytest.raises(NotGatheredError):
        gather(context)
    assert list_landed(cloud) == [name_day("taxi_eta", list_noon(2).date())]


class SlowStore(ObjectStore):
    """A bucket in which an hour passes with every write; S3 itself tells whole seconds."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        super().__init__(s3, bucket)
        self._written: list[str] = []

    def write(self, key: str, content: bytes, *, notes: Mapping[str, str] | None = None) -> str:
        self._written.append(key)
        return super().write(key, content, notes=notes)

    def list_written(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        times = {key: MIDNIGHT + number * timedelta(hours=1) for number, key in enumerate(self._written)}
        return ((key, times.get(key, moment)) for key, moment in super().list_written(prefix, after=after))


def test_a_day_that_was_interrupted_once_does_not_stand_behind_one_that_ends_the_function_each_time(
    cloud: Cloud,
) -> None:
    for days_ago in (6, 5, 4):
        serve(cloud, "p", at=list_noon(days_ago))
    store = SlowStore(cloud.clients.s3, "observations")
    gathering = TrafficGathering(store, cloud.store("raw"), cloud.ledger(), TAXI)

    begun = []
    for _ in range(6):
        first = gathering.find_due(now=datetime.now(UTC), since=list_noon(30))[0]
        # And the function is ended.
        gathering.begin(first)
        begun.append((list_noon(0).date() - first.day).days)

    assert begun == [6, 5, 4, 6, 5, 4]


def test_a_day_without_a_use_case_is_nobody_s(context: LambdaContext) -> None:
    with pytest.raises(ValueError, match="day needs use_case"):
        handler({"day": "2026-07-01"}, context)


def test_it_counts_what_it_landed(cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]) -> None:
    noon = list_noon(2)
    serve(cloud, "p", at=noon)
    serve(cloud, "q", at=noon + timedelta(hours=2), value=None)

    gather(context)

    assert read_counts(capsys) == {
        "taxi_eta": {"TrafficGathered": 1, "TrafficWithoutOutcome": 1, "TrafficContradicted": 0, "TrafficLeftOut": 0}
    }
    gather(context)
    assert read_counts(capsys) == {}


def land(cloud: Cloud, context: LambdaContext, day: date, execution: str) -> dict[str, Any]:
    """The event that S3 sends of what was written last, and what INGEST makes of it."""
    key = name_day("taxi_eta", day)
    head = cloud.clients.s3.head_object(Bucket="raw", Key=key)
    event = json.loads(json.dumps(cloud.land("taxi_eta/elsewhere", b"x")))
    event["detail"]["object"] |= {"key": key, "version-id": head["VersionId"], "size": head["ContentLength"]}
    return Ingest(event, execution, context).run()


def test_a_gathered_day_is_ingested_with_its_lineage_and_a_later_look_takes_its_place(
    cloud: Cloud, context: LambdaContext
) -> None:
    noon = list_noon(2)
    serve(cloud, "p", "q", at=noon, value=None)
    tell(cloud, "p", at=noon)
    gather(context)
    first = land(cloud, context, noon.date(), "first")
    tell(cloud, "q", at=noon + timedelta(hours=30))
    gather(context, use_case="taxi_eta", day=noon.date())
    second = land(cloud, context, noon.date(), "second")

    assert [one["snapshot"]["rows_kept"] for one in (first, second)] == [1, 2]
    content = cloud.store("datasets").read(f"taxi_eta/snapshots/{second['snapshot']['snapshot_id']}/manifest.json")
    manifest = SnapshotManifest.model_validate_json(content)
    [landed] = manifest.objects
    assert count_traffic(manifest) == 2
    assert (landed.key, landed.source, landed.rows_kept) == (name_day("taxi_eta", noon.date()), SOURCE, 2)


def erase(cloud: Cloud, key: str) -> None:
    places = Buckets(raw=cloud.store("raw"), datasets=cloud.store("datasets"), quarantine=cloud.store("quarantine"))
    erasure = plan_erasure(
        cloud.ledger(),
        places,
        key,
        use_case="taxi_eta",
        erased_by="someone",
        reason="request 17",
        now=datetime.now(UTC),
    )
    cloud.ledger().begin_erasure(erasure)
    delete_objects(places, erasure)


class ErasedMeanwhile:
    """A ledger in which a day is erased right after it was said that it is not."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self._ledger = cloud, cloud.ledger()

    def find_erasure(self, key: str) -> Erasure | None:
        found = self._ledger.find_erasure(key)
        if found is None:
            erase(self._cloud, key)
        return found


def test_a_day_that_is_erased_while_it_is_gathered_is_not_left_behind(cloud: Cloud, context: LambdaContext) -> None:
    noon = list_noon(2)
    serve(cloud, "p", at=noon)
    gather(context)
    tell(cloud, "p", at=noon + timedelta(hours=2), value=700.0)
    cloud.land("taxi_eta/traffic/elsewhere.parquet", b"x")
    ledger = cast("Ledger", ErasedMeanwhile(cloud))

    gathering = TrafficGathering(cloud.store("observations"), cloud.store("raw"), ledger, TAXI)
    day = gathering.gather(noon.date(), until=datetime.now(UTC))

    assert (day.rows, day.erased, day.written) == (1, True, False)
    assert list_landed(cloud) == ["taxi_eta/traffic/elsewhere.parquet"]


def test_a_day_that_was_erased_stays_erased(cloud: Cloud, context: LambdaContext) -> None:
    noon = list_noon(2)
    serve(cloud, "p", at=noon)
    gather(context)
    land(cloud, context, noon.date(), "first")
    key = name_day("taxi_eta", noon.date())
    erase(cloud, key)

    [day] = gather(context, use_case="taxi_eta", day=noon.date()).days

    assert (day.rows, day.erased, day.written) == (1, True, False)
    assert key not in list_landed(cloud)
