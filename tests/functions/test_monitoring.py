"""The monitor plans what to ask, keeps what was found by the hour, and tells what has changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from moto.athena.models import QueryResults, athena_backends

from functions.measure_traffic.handler import handler as measure_traffic
from functions.measure_traffic.handler import keep_stretching
from functions.plan_monitoring.handler import handler as plan_monitoring
from noriba.aws.ledger import Ledger
from noriba.aws.measurements import Measurements
from noriba.aws.references import read_profile
from noriba.features.frozen import freeze_features
from noriba.monitoring.days import SETTLED
from noriba.records.artifacts import FEATURES_FILE
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from noriba.records.profiles import PROFILE_FILE
from noriba.records.reference import Reference
from noriba.records.stretching import Stretching
from noriba.timestamps import begin_hour, to_microseconds
from noriba.training.profiles import profile_columns
from noriba.usecase import load_use_case
from tests.functions.artifacts import pack
from tests.functions.conftest import REGION, read_counts
from tests.unit.monitoring.hold_outs import hold_out

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.functions.conftest import Cloud

USE_CASE = load_use_case("taxi_eta")
SLICES = list(USE_CASE.data.slices)
EVENT = {"use_case": "taxi_eta"}
THIS_HOUR = begin_hour(datetime.now(UTC))


@pytest.fixture(autouse=True)
def _hour_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the reading of this file and a test of it, an hour may end."""
    monkeypatch.setitem(globals(), "THIS_HOUR", begin_hour(datetime.now(UTC)))


def promote(cloud: Cloud, *, profiled: bool = True) -> int:
    """Put a model into production; its version."""
    names = USE_CASE.features.names
    rng = np.random.default_rng(1)
    profile = profile_columns({name: rng.normal(0, 1, 25_000) for name in names}, np.linspace(0, 40 * 86_400, 25_000))
    files = {FEATURES_FILE: freeze_features(USE_CASE.features).encode()}
    if profiled:
        files[PROFILE_FILE] = profile.model_dump_json().encode()
    cloud.store("models").write("1.tar.gz", pack(files))
    cloud.store("models").write("evaluation.json", hold_out(100.0, stretches=True).model_dump_json().encode())
    arn = cloud.clients.sagemaker.create_model_package(
        ModelPackageGroupName="noriba-taxi-eta",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://models/1.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties={"evaluation_uri": "s3://models/evaluation.json"},
    )["ModelPackageArn"]
    cloud.clients.dynamodb.Table("ledger").put_item(
        Item={
            "use_case": "taxi_eta",
            "entry": "champion",
            "model_package_arn": arn,
            "model_data_uri": "s3://models/1.tar.gz",
        }
    )
    return int(arn.rpartition("/")[2])


def answer_with(cloud: Cloud, rows: list[dict[str, Any]], columns: list[str]) -> str:
    """A query that has found these rows; its id."""
    backend = athena_backends["123456789012"][REGION]
    names = {name: name for name in columns}
    cells = [
        [{} if row.get(name) is None else {"VarCharValue": str(row[name])} for name in columns]
        for row in (names, *rows)
    ]
    backend.query_results_queue.append(QueryResults(rows=[{"Data": data} for data in cells], column_info=[]))
    started = cloud.clients.athena.start_query_execution(
        QueryString="SELECT 1", ResultConfiguration={"OutputLocation": "s3://observations/results/"}
    )
    query: str = started["QueryExecutionId"]
    backend.get_query_results(query)
    return query


SUMS = (
    "answered",
    "requests",
    "requests_with_outcome",
    "width",
    "with_outcome",
    "error",
    "abs_error",
    "bounded",
    "lean",
    "implausible",
    "impossible",
    "close",
    "covered",
    "claimed",
)
COLUMNS = ["hour_us", "model_version", *(f"label{number}" for number in range(len(SLICES))), "size", *SUMS]


def errors_of(version: int, mae: float, *, covered: float = 0.8) -> list[dict[str, Any]]:
    """What the query finds of the last 24 hours: errors around a mean that wanders a little from hour to hour."""
    rows = 40
    rng = np.random.default_rng(3)
    found = []
    for ago in range(1, 25):
        error = mae * rng.normal(1, 0.05) * rows
        # As much too high as too low.
        errors = (0.0, error, error, 0.0)
        sums = (rows, rows, rows, rows * 300.0, rows, *errors, 0, 0, 0, round(covered * rows), 0.8 * rows)
        hour_us = to_microseconds(THIS_HOUR - timedelta(hours=ago))
        found.append({"hour_us": hour_us, "model_version": version, "size": 50, **dict(zip(SUMS, sums, strict=True))})
    return found


def measure(cloud: Cloud, context: LambdaContext, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A look: planned, asked and measured."""
    plan = plan_monitoring(EVENT, context)
    asked = [{"name": "errors", "query": answer_with(cloud, rows, COLUMNS)}]
    return measure_traffic({**EVENT, **plan, "asked": asked}, context)


def forget_hours(cloud: Cloud) -> None:
    """As if days had passed."""
    for key in cloud.store("observations").list_keys("measurements/"):
        cloud.clients.s3.delete_object(Bucket="observations", Key=key)


def found(report: dict[str, Any]) -> dict[str, str]:
    return {one["kind"]: one["verdict"] for one in report["findings"]}


# --- the plan --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cloud")
def test_without_a_model_there_is_nothing_to_ask(context: LambdaContext) -> None:
    assert plan_monitoring(EVENT, context) == {"queries": []}


def test_errors_and_requests_are_asked_about_of_three_whole_days_at_first(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)

    plan = plan_monitoring(EVENT, context)

    assert plan["version"] == version
    assert [query["name"] for query in plan["queries"]] == ["errors", "counts"]
    for query in plan["queries"]:
        assert query["text"].count("?") == len(query["values"])
        # Athena's own limit. https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
        assert len(query["text"]) < 262_144
    # Input and output of a state: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    assert len(json.dumps(plan)) < 200_000
    since = datetime.fromisoformat(plan["since"])
    # The last whole day is over for as long as captures may take.
    assert since == (THIS_HOUR - SETTLED).replace(hour=0) - timedelta(days=3)
    assert datetime.fromisoformat(plan["compact_since"]) == since - timedelta(hours=1)


def test_a_model_without_a_profile_is_asked_about_its_errors_alone(cloud: Cloud, context: LambdaContext) -> None:
    promote(cloud, profiled=False)

    plan = plan_monitoring(EVENT, context)

    assert [query["name"] for query in plan["queries"]] == ["errors"]


def test_later_only_the_hours_that_outcomes_still_come_for_are_asked_about(
    cloud: Cloud, context: LambdaContext
) -> None:
    """So that one more hour costs the same, however long the history is."""
    version = promote(cloud)
    measure(cloud, context, errors_of(version, 100.0))

    plan = plan_monitoring(EVENT, context)

    assert datetime.fromisoformat(plan["since"]) == THIS_HOUR - timedelta(hours=3)


def test_hours_that_were_missed_are_made_up_for(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    measure(cloud, context, errors_of(version, 100.0))
    missed = THIS_HOUR - timedelta(hours=20)
    cloud.clients.s3.delete_object(
        Bucket="observations", Key=f"measurements/use_case=taxi_eta/{missed:%Y-%m-%d/%H}.json"
    )

    plan = plan_monitoring(EVENT, context)

    assert datetime.fromisoformat(plan["since"]) == missed


# --- the look --------------------------------------------------------------------------------------------------------


def test_a_model_that_does_as_promised_is_told_of_to_nobody(
    cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    version = promote(cloud)

    report = measure(cloud, context, errors_of(version, 100.0))

    assert found(report) == {
        "accuracy": "steady",
        "coverage": "steady",
        "drift": "unknown",
        "quality": "unknown",
        "outcomes": "steady",
    }
    total = report["parts"][0]
    assert (total["answered"], total["expected_mae"]) == (24 * 40, 100.0)
    assert cloud.hear() == []
    counted = read_counts(capsys)["taxi_eta"]
    assert (counted["AnswersMeasured"], counted["AccuracyChanged"], counted["CoverageChanged"]) == (960, 0, 0)
    assert counted["ErrorRatio"] == pytest.approx(1.0, abs=0.05)


def test_what_has_changed_is_told_once_in_words_and_so_is_that_it_is_over(
    cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    version = promote(cloud)

    report = measure(cloud, context, errors_of(version, 160.0, covered=0.5))
    assert (found(report)["accuracy"], found(report)["coverage"]) == ("changed", "changed")
    told = {event["detail"]["kind"]: event["detail"] for event in cloud.hear()}
    assert told.keys() == {"accuracy", "coverage"}
    assert told["accuracy"]["model_version"] == version
    assert told["accuracy"]["reason"].startswith("all of the traffic: the error is 1")
    assert read_counts(capsys)["taxi_eta"]["AccuracyChanged"] == 1

    measure(cloud, context, errors_of(version, 160.0, covered=0.5))
    assert cloud.hear() == []

    forget_hours(cloud)
    measure(cloud, context, errors_of(version, 100.0))
    assert {event["detail"]["kind"]: event["detail"]["verdict"] for event in cloud.hear()} == {
        "accuracy": "steady",
        "coverage": "steady",
    }


def test_an_hour_that_is_measured_twice_counts_once(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)

    first = measure(cloud, context, errors_of(version, 100.0))
    second = measure(cloud, context, errors_of(version, 100.0))

    assert first["parts"] == second["parts"]


def test_hours_without_traffic_are_kept_too_and_say_nothing(cloud: Cloud, context: LambdaContext) -> None:
    promote(cloud)

    report = measure(cloud, context, [])

    kept = Measurements(cloud.store("observations"), "taxi_eta").read(since=THIS_HOUR - timedelta(hours=30))
    assert [hour.hour for hour in kept][-1] == THIS_HOUR
    assert len(kept) == 31
    assert set(found(report).values()) == {"unknown"}


def test_where_another_model_took_over_meanwhile_nothing_is_said_of_it(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    plan = plan_monitoring(EVENT, context)
    query = answer_with(cloud, errors_of(version, 300.0), COLUMNS)
    promote(cloud)

    assert measure_traffic({**EVENT, **plan, "asked": [{"name": "errors", "query": query}]}, context) == {}
    assert cloud.hear() == []


def test_what_an_earlier_model_was_asked_stays_counted(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    hour = HourMeasurement(
        hour=THIS_HOUR - timedelta(hours=2),
        versions={0: {EVERYTHING: AnswerTally()}},
        counts={0: {"haversine_m": (1, 2)}},
    )
    measurements = Measurements(cloud.store("observations"), "taxi_eta")
    measurements.write([hour])

    measure(cloud, context, errors_of(version, 100.0))

    [kept] = [one for one in measurements.read(since=hour.hour) if one.hour == hour.hour]
    assert kept.counts == hour.counts
    assert kept.versions.keys() == {version}


def test_an_hour_of_candidates_that_nobody_reported_on_leaves_its_day_whole(
    cloud: Cloud, context: LambdaContext
) -> None:
    """They were answered, and do not count: one such hour a night must not turn the check for drift off."""
    version = promote(cloud)
    plan = plan_monitoring(EVENT, context)
    profile, identities = read_profile(cloud.clients.s3, "s3://models/1.tar.gz")
    assert profile is not None
    bins = [len(profile.columns[identity.partition("@")[0]].edges) for identity in identities]
    # All of them below the lowest edge.
    odd = {"asked": 50}
    for number, edges in enumerate(bins):
        odd |= {f"known{number}": 50, **{f"below{number}_{place}": 50 for place in range(edges)}}
    hours = [datetime.fromisoformat(plan["since"]) + timedelta(hours=number) for number in range(72)]
    errors = [{"hour_us": to_microseconds(hour), "model_version": version, **dict.fromkeys(SUMS, 1)} for hour in hours]
    counts = [{"hour_us": to_microseconds(hour), **odd} for hour in hours if hour.hour != 4]
    asked = [
        {"name": "errors", "query": answer_with(cloud, errors, COLUMNS)},
        {"name": "counts", "query": answer_with(cloud, counts, ["hour_us", *odd])},
    ]

    report = measure_traffic({**EVENT, **plan, "asked": asked}, context)

    assert found(report)["drift"] == "changed"


# --- looks that overlap ----------------------------------------------------------------------------------------------


def look(cloud: Cloud, context: LambdaContext, version: int, *, mae: float, until: datetime) -> dict[str, Any]:
    """A look that was planned at a moment, and is measured now."""
    query = answer_with(cloud, errors_of(version, mae), COLUMNS)
    plan = {"version": version, "since": (THIS_HOUR - timedelta(hours=30)).isoformat(), "until": until.isoformat()}
    return measure_traffic({**EVENT, **plan, "asked": [{"name": "errors", "query": query}]}, context)


def test_an_hour_that_was_asked_about_too_early_is_asked_about_again_however_late_the_answer_is_kept(
    cloud: Cloud, context: LambdaContext
) -> None:
    version = promote(cloud)

    look(cloud, context, version, mae=100.0, until=THIS_HOUR - timedelta(minutes=20))

    # An hour's outcomes have come three hours after its end.
    kept = Measurements(cloud.store("observations"), "taxi_eta")
    gap = kept.find_gap(since=THIS_HOUR - timedelta(hours=30), until=THIS_HOUR, ripe_after=timedelta(hours=3))
    assert gap == THIS_HOUR - timedelta(hours=4)


def test_a_slow_look_neither_tells_nor_keeps_what_a_later_one_knows_better(
    cloud: Cloud, context: LambdaContext
) -> None:
    version = promote(cloud)
    newest = look(cloud, context, version, mae=100.0, until=THIS_HOUR)
    kept = Measurements(cloud.store("observations"), "taxi_eta")
    hours, report = kept.read(since=THIS_HOUR - timedelta(hours=30)), kept.find_report()

    assert look(cloud, context, version, mae=300.0, until=THIS_HOUR - timedelta(minutes=2)) == {}

    assert kept.read(since=THIS_HOUR - timedelta(hours=30)) == hours
    assert kept.find_report() == report
    assert report is not None
    assert report.model_dump(mode="json") == newest
    assert cloud.hear() == []
    # Written while the slow one was about to.
    kept.write_report(report.model_copy(update={"until": report.until - timedelta(minutes=2)}))
    assert kept.find_report() == report


# --- intervals between trainings --------------------------------------------------------------------------------------

MISSED = 0.1 * (0.8 - 0.5) * 40 / (40 + 30)
"""What an hour adds whose intervals hold half of forty outcomes: gain, excess and weight, by hand."""


def open_ledger(cloud: Cloud) -> Ledger:
    return Ledger(cloud.clients.dynamodb.Table("ledger"), "taxi_eta")


def begin_stretching(cloud: Cloud, version: int) -> Stretching:
    """As a look 30 hours ago has left it."""
    begun = Stretching(version=version, bundle_digest="b", through=THIS_HOUR - timedelta(hours=30))
    assert open_ledger(cloud).replace_stretching(begun, before=None)
    return begun


def test_a_model_begins_with_the_intervals_that_it_was_trained_to_tell(
    cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it answered before, as a challenger or in an earlier time, is not counted, then or later."""
    version = promote(cloud)

    for _ in range(2):
        assert measure(cloud, context, errors_of(version, 100.0, covered=0.5))["stretch"] == 1.0

    begun = open_ledger(cloud).read_stretching()
    assert begun == Stretching(version=version, bundle_digest="b", through=THIS_HOUR)
    assert open_ledger(cloud).read_stretch() is None
    assert read_counts(capsys)["taxi_eta"]["IntervalStretch"] == 2


def test_intervals_that_held_too_few_are_stretched_by_each_ripe_hour_once(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    begin_stretching(cloud, version)

    reports = [measure(cloud, context, errors_of(version, 100.0, covered=0.5)) for _ in range(2)]

    # Of the last 24 hours, the outcomes of three still come.
    assert [report["stretch"] for report in reports] == [pytest.approx(np.exp(21 * MISSED))] * 2
    after = open_ledger(cloud).read_stretching()
    assert after is not None
    assert after.through == THIS_HOUR - timedelta(hours=4)
    assert open_ledger(cloud).read_stretch() == after.stretch


def test_of_two_looks_at_once_one_counts_the_hours(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    measure(cloud, context, errors_of(version, 100.0, covered=0.5))
    begun = Stretching(version=version, bundle_digest="b", through=THIS_HOUR - timedelta(hours=30))
    ledger = open_ledger(cloud)
    assert ledger.replace_stretching(begun, before=ledger.read_stretching())
    reference, now = Reference(version, hold_out(100.0, stretches=True), None, ()), THIS_HOUR + timedelta(minutes=5)
    counted = []

    class Overtaken(Measurements):
        """Somebody else looks, an hour later, while these are read."""

        def read(self, *, since: datetime) -> list[HourMeasurement]:
            others = Measurements(cloud.store("observations"), "taxi_eta")
            counted.append(keep_stretching(USE_CASE, reference, others, ledger, now=now + timedelta(hours=1)))
            return super().read(since=since)

    ours = keep_stretching(USE_CASE, reference, Overtaken(cloud.store("observations"), "taxi_eta"), ledger, now=now)

    assert [ours] == counted
    assert ours.log_stretch == pytest.approx(22 * MISSED)
    assert ledger.read_stretching() == ours


def test_a_container_that_cannot_stretch_is_not_asked_to(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    begin_stretching(cloud, version)
    older = hold_out(100.0).model_dump_json(exclude={"stretches"})
    cloud.store("models").write("evaluation.json", older.encode())

    assert measure(cloud, context, errors_of(version, 100.0, covered=0.5))["stretch"] == 1.0
    assert open_ledger(cloud).read_stretch() is None


def test_another_model_in_production_begins_anew(cloud: Cloud, context: LambdaContext) -> None:
    version = promote(cloud)
    begin_stretching(cloud, version)
    assert measure(cloud, context, errors_of(version, 100.0, covered=0.5))["stretch"] > 1.2
    newer = promote(cloud)

    report = measure(cloud, context, errors_of(newer, 100.0, covered=0.5))

    assert (report["model_version"], report["stretch"]) == (newer, 1.0)
    assert open_ledger(cloud).read_stretch() is None
