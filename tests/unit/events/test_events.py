"""The event contract: what is published is what is read, and a rule fires for its own event alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noriba import events
from noriba.events import (
    NORIBA_EVENTS,
    AlarmFacts,
    AlarmStateChanged,
    CandidateRegistered,
    ChallengerJudged,
    DataFacts,
    DatasetSnapshotCreated,
    Event,
    ExecutionStatusChanged,
    FindingChanged,
    LastTrainingFacts,
    MetricsObserved,
    ModelPackageStateChanged,
    ObjectErased,
    ObjectRefused,
    OutcomeObserved,
    RetrainingDecided,
    RetrainingRequested,
    RetrainingWeighed,
    RolledBack,
    RolloutAdvanced,
    RolloutCompleted,
    S3ObjectCreated,
    TrainingFailed,
)

ARN = "arn:aws:sagemaker:ap-northeast-1:111122223333:model-package/noriba-taxi-eta/3"
EXAMPLES: tuple[Event, ...] = (
    ObjectRefused(
        use_case="taxi_eta",
        bucket="raw",
        key="taxi_eta/a.csv",
        version_id="v1",
        error="RefusedObjectError",
        reason="the file is empty (0 bytes)",
    ),
    ObjectErased(
        use_case="taxi_eta",
        key="taxi_eta/a.csv",
        versions=2,
        erased_by="arn:aws:iam::111122223333:user/officer",
        reason="request 17",
    ),
    DatasetSnapshotCreated(
        use_case="taxi_eta",
        snapshot_id="snap-0123456789abcdef",
        manifest_uri="s3://datasets/taxi_eta/snapshots/snap-0123456789abcdef/manifest.json",
        rows_read=10,
        rows_kept=9,
        rows_quarantined=1,
    ),
    RetrainingRequested(use_case="taxi_eta", cause="the network of roads changed"),
    RetrainingDecided(
        use_case="taxi_eta",
        decision_id="20260704-120000-abcdef",
        train=True,
        cause="DatasetSnapshotCreated",
        reason="first training, on 9000 rows",
        snapshot_id="snap-0123456789abcdef",
        manifest_uri="s3://datasets/taxi_eta/snapshots/snap-0123456789abcdef/manifest.json",
        training_job_name="taxi-eta-20260704-120000-abcdef",
        champion_package_arn=ARN,
        champion_model_uri="s3://models/model.tar.gz",
    ),
    FindingChanged(
        use_case="taxi_eta",
        model_version=3,
        kind="accuracy",
        verdict="changed",
        reason="distance: over 8 km: the error is 512, 1.71 times the hold-out's",
    ),
    RetrainingWeighed(
        use_case="taxi_eta",
        decision_id="20260704-120000-abcdef",
        outcome="start",
        cause="CloudWatch Alarm State Change",
        reason="an alarm stands, and 900 rows are later than the last training's",
        data=DataFacts(
            snapshot_id="snap-0123456789abcdef",
            rows=9_000,
            new_rows=900,
            later_rows=900,
            later_days=1.0,
            landed_rows=910,
            landed_quarantined=10,
        ),
        alarm=AlarmFacts(
            name="noriba-taxi-eta-error",
            state="ALARM",
            reason="Threshold Crossed",
            changed_at=datetime(2026, 7, 4, 12, 0, tzinfo=UTC),
            metric="noriba/ErrorRatio",
            dimensions={"use_case": "taxi_eta"},
        ),
        last_training=LastTrainingFacts(
            decision_id="20260703-120000-abcdef",
            snapshot_id="snap-fedcba9876543210",
            rows=8_100,
            started_at=datetime(2026, 7, 3, 12, 0, tzinfo=UTC),
            running=False,
            failures=0,
        ),
        champion_package_arn=ARN,
        champion_snapshot_id="snap-fedcba9876543210",
        rollout=None,
    ),
    TrainingFailed(use_case="taxi_eta", decision_id="d", training_job_name="j", error="States.TaskFailed", cause="…"),
    CandidateRegistered(
        use_case="taxi_eta",
        model_package_arn=ARN,
        version=3,
        approval_status="PendingManualApproval",
        snapshot_id="snap-0123456789abcdef",
        training_job_name="taxi-eta-20260704-120000-abcdef",
        summary="MAE 100.0 (baseline 200.0)",
    ),
    RolloutAdvanced(use_case="taxi_eta", model_package_arn=ARN, stage="canary", percent=10),
    ChallengerJudged(
        use_case="taxi_eta",
        model_package_arn=ARN,
        stage="shadow",
        decision="promote",
        error=None,
        reason="the challenger's error is smaller by 2.2 to 9.1, under the margin of 0",
        outcomes=1950,
        estimate=-5.6,
        lower=-9.1,
        upper=-2.2,
    ),
    RolloutCompleted(use_case="taxi_eta", model_package_arn=ARN, endpoint_name="noriba-taxi-eta"),
    RolledBack(use_case="taxi_eta", model_package_arn=ARN, error="GoldenRequestsFailedError", reason="…"),
    OutcomeObserved(
        use_case="taxi_eta",
        prediction_id="00000000-0000-4000-8000-000000000000",
        candidate_id="car-1",
        value=812.5,
        observed_at=datetime(2026, 7, 4, 12, tzinfo=UTC),
    ),
    MetricsObserved(
        use_case="taxi_eta",
        prediction_id="00000000-0000-4000-8000-000000000000",
        metrics={"cancelled": 1.0},
        observed_at=datetime(2026, 7, 4, 12, tzinfo=UTC),
    ),
)


def deliver(entry: dict[str, str]) -> dict[str, Any]:
    """The envelope in which EventBridge delivers an entry of PutEvents."""
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "account": "111122223333",
        "time": "2026-07-04T12:00:00Z",
        "region": "ap-northeast-1",
        "resources": [],
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


def selects(pattern: dict[str, Any], envelope: dict[str, Any]) -> bool:
    """Whether EventBridge's rule would fire, for the patterns of exact values that Noriba uses.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    return all(
        name in envelope and (selects(wanted, envelope[name]) if isinstance(wanted, dict) else envelope[name] in wanted)
        for name, wanted in pattern.items()
    )


def name_type(example: Event) -> str:
    return type(example).__name__


def test_there_is_an_example_of_every_event_and_every_event_is_listed() -> None:
    declared = {value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event)}

    assert [type(example) for example in EXAMPLES] == list(NORIBA_EVENTS)
    assert declared - {Event} == set(NORIBA_EVENTS)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_type)
def test_what_is_published_is_what_is_read(example: Event) -> None:
    envelope = deliver(example.entry(bus="test-bus"))

    assert type(example).parse(envelope) == example
    assert envelope["source"].startswith("noriba.")
    assert envelope["detail-type"] == name_type(example)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_type)
def test_a_rule_fires_for_its_own_event_alone(example: Event) -> None:
    pattern = type(example).pattern()

    fired = [other for other in EXAMPLES if selects(pattern, deliver(other.entry()))]

    assert fired == [example]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_type)
def test_an_event_with_an_unknown_field_is_refused(example: Event) -> None:
    envelope = deliver(example.entry())
    envelope["detail"]["colour"] = "yellow"

    with pytest.raises(ValidationError, match="colour"):
        type(example).parse(envelope)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_type)
def test_an_event_does_not_change(example: Event) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        example.use_case = "another"  # type: ignore[misc]  # that is the point


def test_an_entry_goes_to_the_projects_bus_unless_told_otherwise() -> None:
    assert EXAMPLES[0].entry()["EventBusName"] == "noriba"
    assert EXAMPLES[0].entry(bus="other")["EventBusName"] == "other"


def test_a_rule_may_ask_for_values() -> None:
    (yes,) = (event for event in EXAMPLES if isinstance(event, RetrainingDecided))
    no, elsewhere = yes.model_copy(update={"train": False}), yes.model_copy(update={"use_case": "other"})

    pattern = RetrainingDecided.pattern(train=True, use_case=["taxi_eta", "bus_eta"])

    assert [selects(pattern, deliver(event.entry())) for event in (yes, no, elsewhere)] == [True, False, False]


def test_a_rule_that_could_never_fire_is_refused_with_the_fields_there_are() -> None:
    with pytest.raises(
        ValueError, match="RolloutAdvanced has no field phase; it has use_case, model_package_arn, stage"
    ):
        RolloutAdvanced.pattern(phase="staging")


OFFSET = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=OFFSET))  # noqa: DTZ001  # the offsets follow
def test_moments_travel_in_utc_whatever_zone_they_came_in(moment: datetime) -> None:
    event = OutcomeObserved(use_case="taxi_eta", prediction_id="p", value=1.0, observed_at=moment)

    text = json.loads(event.entry()["Detail"])["observed_at"]

    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == moment
    assert OutcomeObserved.parse(deliver(event.entry())).observed_at.tzinfo == UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="observed_at"):
        OutcomeObserved(
            use_case="taxi_eta",
            prediction_id="p",
            value=1.0,
            observed_at=datetime(2026, 7, 4),  # noqa: DTZ001  # that is the point
        )


# --- what AWS tells us -----------------------------------------------------------------------------------------------

LANDED = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {
        "version": "0",
        "bucket": {"name": "raw"},
        "object": {
            "key": "taxi_eta/a b.csv",
            "size": 5,
            "etag": "e",
            "version-id": "v1",
            "sequencer": "0061",
        },
        "request-id": "r",
        "requester": "111122223333",
        "reason": "PutObject",
    },
}
CHANGED = {
    "source": "aws.sagemaker",
    "detail-type": "SageMaker Model Package State Change",
    "detail": {
        "ModelPackageGroupName": "noriba-taxi-eta",
        "ModelPackageVersion": 3,
        "ModelPackageArn": ARN,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
        "CustomerMetadataProperties": {"mae": "100.0"},
    },
}


def test_an_object_created_in_one_bucket_fires_only_that_buckets_rule() -> None:
    assert selects(S3ObjectCreated.in_bucket("raw"), LANDED)
    assert not selects(S3ObjectCreated.in_bucket("other"), LANDED)
    assert not selects(S3ObjectCreated.in_bucket("raw"), CHANGED)


def test_of_an_object_created_the_version_and_its_order_are_read() -> None:
    created = S3ObjectCreated.parse(LANDED)

    assert (created.bucket.name, created.object.key) == ("raw", "taxi_eta/a b.csv")
    assert (created.object.version_id, created.object.sequencer) == ("v1", "0061")


def test_only_an_approval_fires_the_rule_for_approvals() -> None:
    pattern = ModelPackageStateChanged.pattern(model_approval_status="Approved")
    rejected = CHANGED | {"detail": CHANGED["detail"] | {"ModelApprovalStatus": "Rejected"}}  # type: ignore[operator]

    assert selects(pattern, CHANGED)
    assert not selects(pattern, rejected)
    assert not selects(pattern, LANDED)


def test_of_a_changed_package_the_decision_is_read_and_the_rest_ignored() -> None:
    changed = ModelPackageStateChanged.parse(CHANGED)

    assert changed.model_package_arn == ARN
    assert changed.model_package_version == 3
    assert changed.model_approval_status == "Approved"


def test_a_rule_on_an_aws_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="ModelPackageStateChanged has no field approval"):
        ModelPackageStateChanged.pattern(approval="Approved")


def test_the_end_of_an_execution_names_it_and_its_machine() -> None:
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:ingest"
    envelope = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": "arn:aws:states:eu-west-1:123456789012:execution:ingest:a",
            "stateMachineArn": machine,
            "name": "a",
            "status": "ABORTED",
            "input": "{}",
        },
    }
    ended = ExecutionStatusChanged.pattern(state_machine_arn=machine, status=["ABORTED", "TIMED_OUT", "FAILED"])

    assert ExecutionStatusChanged.parse(envelope).status == "ABORTED"
    assert selects(ended, envelope)
    assert not selects(ended, {**envelope, "detail": {**envelope["detail"], "status": "RUNNING"}})  # type: ignore[dict-item]
    assert not selects(ended, {**envelope, "detail": {**envelope["detail"], "stateMachineArn": f"{machine}-child"}})  # type: ignore[dict-item]


# --- alarms ----------------------------------------------------------------------------------------------------------


def tell_alarm(*metrics: dict[str, Any]) -> AlarmFacts:
    state = {"value": "ALARM", "reason": "r", "timestamp": "2019-10-02T17:04:40.989+0000"}
    configuration = {"metrics": list(metrics)} if metrics else {"alarmRule": "ALARM(a) OR ALARM(b)"}
    return AlarmStateChanged.model_validate({"alarmName": "a", "state": state, "configuration": configuration}).facts


def test_what_an_alarm_watches_is_a_metric_an_expression_or_other_alarms() -> None:
    """The three shapes that AWS documents."""
    metric = {"dimensions": {"InstanceId": "i-1"}, "name": "CPUUtilization", "namespace": "AWS/EC2"}
    stat = {"id": "m1", "metricStat": {"metric": metric, "period": 300, "stat": "Average"}, "returnData": True}
    math = {"id": "e1", "expression": "m1 / 100", "label": "share", "returnData": True}

    single, computed, composite = tell_alarm(stat), tell_alarm(math, stat | {"returnData": False}), tell_alarm()

    assert (single.metric, single.dimensions) == ("AWS/EC2/CPUUtilization", {"InstanceId": "i-1"})
    assert (computed.metric, computed.dimensions) == ("m1 / 100", {})
    assert (composite.metric, composite.dimensions) == (None, {})
    assert single.changed_at == datetime(2019, 10, 2, 17, 4, 40, 989_000, tzinfo=UTC)
