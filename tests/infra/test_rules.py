"""Who hears what: rules made from the event models, evaluated with events as AWS and Noriba send them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.events.models import EventPattern

from noriba.events import (
    AlarmStateChanged,
    CandidateRegistered,
    ChallengerJudged,
    DataFacts,
    DatasetSnapshotCreated,
    ExecutionStatusChanged,
    FindingChanged,
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
from noriba.monitoring.causes import read_question
from noriba.records.rollout import RolloutPlan
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from noriba.events import Event
    from tests.infra.assembly import Assembly, Resource

DEFAULT_BUS, BUS = None, "<Bus>"
GROUP = "noriba-taxi-eta"
ARN = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{GROUP}/7"
DECIDER = "<DecideRetrainingFunction.Arn>"
JUDGE = "<JudgeRolloutFunction.Arn>"

RULES: dict[str, tuple[str | None, dict[str, Any], str]] = {
    "LandedRule": (DEFAULT_BUS, S3ObjectCreated.in_bucket("<RawBucket>"), "<IngestMachine>"),
    "IngestEndedRule": (
        DEFAULT_BUS,
        ExecutionStatusChanged.pattern(state_machine_arn="<IngestMachine>", status=["ABORTED", "TIMED_OUT", "FAILED"]),
        "<SettleMachine>",
    ),
    "AfterDatasetSnapshotCreatedRule": (BUS, DatasetSnapshotCreated.pattern(), DECIDER),
    "AfterRetrainingRequestedRule": (BUS, RetrainingRequested.pattern(), DECIDER),
    "AfterCandidateRegisteredRule": (BUS, CandidateRegistered.pattern(), DECIDER),
    "AfterTrainingFailedRule": (BUS, TrainingFailed.pattern(), DECIDER),
    "DecidedRule": (BUS, RetrainingDecided.pattern(train=True), "<TrainMachine>"),
    "CandidateRegisteredRule": (
        BUS,
        CandidateRegistered.pattern(approval_status="PendingManualApproval"),
        "<Approvers>",
    ),
    "ApprovedTaxiEtaRule": (
        DEFAULT_BUS,
        ModelPackageStateChanged.pattern(
            model_package_group_name=GROUP, model_approval_status="Approved", updated_fields="ModelApprovalStatus"
        ),
        "<RolloutMachine>",
    ),
    "RolloutEndedRule": (
        DEFAULT_BUS,
        ExecutionStatusChanged.pattern(
            state_machine_arn="<RolloutMachine>", status=["ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"]
        ),
        "<TidyMachine>",
    ),
    "ObservedRule": (BUS, OutcomeObserved.pattern(), "<OutcomeArchiveStream.Arn>"),
    "MeasuredRule": (BUS, MetricsObserved.pattern(), "<MetricArchiveStream.Arn>"),
    "OutcomesCameRule": (DEFAULT_BUS, S3ObjectCreated.in_bucket("<OutcomesBucket>", prefix="outcomes/"), JUDGE),
    "OutcomesKnownRule": (
        DEFAULT_BUS,
        S3ObjectCreated.in_bucket("<OutcomesBucket>", prefix="outcomes/"),
        "<UpdateLiveMeansFunction.Arn>",
    ),
    "AlarmRaisedRule": (
        DEFAULT_BUS,
        AlarmStateChanged.raised("noriba-taxi-eta-endpoint-errors", "noriba-taxi-eta-endpoint-latency"),
        JUDGE,
    ),
    "AlarmedTaxiEtaRule": (DEFAULT_BUS, AlarmStateChanged.pattern(alarm_name="noriba-taxi-eta-world-changed"), DECIDER),
    "FoundTaxiEtaRule": (BUS, FindingChanged.pattern(use_case="taxi_eta"), "<Operators>"),
}

TIMED: dict[str, tuple[str, str]] = {
    "SweepRule": ("rate(15 minutes)", "<SettleMachine>"),
    "HourlyTaxiEtaRule": ("rate(1 hour)", DECIDER),
    "HourlyRule": ("rate(1 hour)", "<TidyMachine>"),
    "EveryMinuteRule": ("rate(1 minute)", JUDGE),
    "CompactRule": ("rate(1 hour)", "<CompactObservationsFunction.Arn>"),
    "LookTaxiEtaRule": ("rate(1 hour)", "<MonitorMachine>"),
    "GatherRule": ("rate(1 hour)", "<GatherTrafficFunction.Arn>"),
}


@pytest.fixture(scope="session")
def rules(assembly: Assembly) -> dict[str, Resource]:
    return assembly.by_name("AWS::Events::Rule")


def test_there_are_exactly_these_rules(rules: dict[str, Resource]) -> None:
    assert rules.keys() == RULES.keys() | TIMED.keys()
    assert {rule.properties["State"] for rule in rules.values()} == {"ENABLED"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_joins_an_event_model_to_one_target(rules: dict[str, Resource], name: str) -> None:
    bus, pattern, target = RULES[name]
    properties = rules[name].properties

    assert properties.get("EventBusName") == bus
    assert properties["EventPattern"] == pattern
    assert [t["Arn"] for t in properties["Targets"]] == [target]


@pytest.mark.parametrize("name", TIMED)
def test_what_is_due_now_and_then_is_started_by_the_clock(rules: dict[str, Resource], name: str) -> None:
    schedule, target = TIMED[name]
    properties = rules[name].properties

    assert properties["ScheduleExpression"] == schedule
    assert "EventPattern" not in properties
    assert [t["Arn"] for t in properties["Targets"]] == [target]


@pytest.mark.parametrize("name", [*RULES, *TIMED])
def test_what_cannot_be_delivered_is_tried_for_six_hours_and_then_kept(rules: dict[str, Resource], name: str) -> None:
    for target in rules[name].properties["Targets"]:
        assert target["DeadLetterConfig"] == {"Arn": "<DeadLettersQueue.Arn>"}
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 6 * 3600, "MaximumRetryAttempts": 20}


# --- events as they come ---------------------------------------------------------------------------------------------


def hear(rules: dict[str, Resource], event: dict[str, Any], bus: str | None) -> set[str]:
    """The rules on a bus that an event sets off."""
    return {
        name
        for name, rule in rules.items()
        if "EventPattern" in rule.properties
        and rule.properties.get("EventBusName") == bus
        and EventPattern.load(json.dumps(rule.properties["EventPattern"])).matches_event(cast("Any", event))
    }


def landed(*, bucket: str, key: str = "taxi_eta/a.csv", detail_type: str = "Object Created") -> dict[str, Any]:
    return {
        "version": "0",
        "source": "aws.s3",
        "detail-type": detail_type,
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 9, "etag": "e", "version-id": "v", "sequencer": "1"},
            "reason": "PutObject",
        },
    }


def execution_change(*, machine: str = "<IngestMachine>", status: str) -> dict[str, Any]:
    arn = "arn:aws:states:eu-west-1:123456789012:execution:ingest:a"
    return {
        "version": "0",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": [arn],
        "detail": {"executionArn": arn, "stateMachineArn": machine, "name": "a", "status": status, "input": "{}"},
    }


def package_change(
    *, status: str, group: str = GROUP, updated: tuple[str, ...] = ("ModelApprovalStatus", "ApprovalDescription")
) -> dict[str, Any]:
    return {
        "version": "0",
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": [ARN],
        "detail": {
            "ModelPackageGroupName": group,
            "ModelPackageVersion": 7,
            "ModelPackageArn": ARN,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": status,
            **({"UpdatedModelPackageFields": list(updated)} if updated else {}),
        },
    }


def test_only_objects_created_in_the_raw_bucket_are_ingested(rules: dict[str, Resource]) -> None:
    assert hear(rules, landed(bucket="<RawBucket>"), DEFAULT_BUS) == {"LandedRule"}
    assert hear(rules, landed(bucket="somebody-elses"), DEFAULT_BUS) == set()
    assert hear(rules, landed(bucket="<RawBucket>", detail_type="Object Deleted"), DEFAULT_BUS) == set()


@pytest.mark.parametrize(
    ("key", "heard"),
    [
        ("outcomes/date=2026-07-01/hour=08/a", {"OutcomesCameRule", "OutcomesKnownRule"}),
        ("metrics/date=2026-07-01/hour=08/a", set()),
        ("failed/processing-failed/date=2026-07-01/a", set()),
    ],
)
def test_outcomes_alone_wake_the_judge_and_what_keeps_live_means(
    rules: dict[str, Resource], key: str, heard: set[str]
) -> None:
    assert hear(rules, landed(bucket="<OutcomesBucket>", key=key), DEFAULT_BUS) == heard


def test_only_an_ingest_that_ended_badly_is_settled_by_others(rules: dict[str, Resource]) -> None:
    for status in ("ABORTED", "TIMED_OUT", "FAILED"):
        assert hear(rules, execution_change(status=status), DEFAULT_BUS) == {"IngestEndedRule"}
        assert hear(rules, execution_change(status=status, machine="<TrainMachine>"), DEFAULT_BUS) == set()
    for status in ("RUNNING", "SUCCEEDED"):
        assert hear(rules, execution_change(status=status), DEFAULT_BUS) == set()


def test_whichever_way_a_rollout_ends_it_is_tidied_up_after(rules: dict[str, Resource]) -> None:
    for status in ("ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"):
        heard = hear(rules, execution_change(status=status, machine="<RolloutMachine>"), DEFAULT_BUS)
        assert heard == {"RolloutEndedRule"}
    assert hear(rules, execution_change(status="RUNNING", machine="<RolloutMachine>"), DEFAULT_BUS) == set()


def test_only_an_approval_in_our_group_starts_a_rollout(rules: dict[str, Resource]) -> None:
    assert hear(rules, package_change(status="Approved"), DEFAULT_BUS) == {"ApprovedTaxiEtaRule"}
    assert hear(rules, package_change(status="Rejected"), DEFAULT_BUS) == set()
    assert hear(rules, package_change(status="PendingManualApproval"), DEFAULT_BUS) == set()
    assert hear(rules, package_change(status="Approved", group="another-group"), DEFAULT_BUS) == set()


@pytest.mark.parametrize("updated", [("CustomerMetadataProperties",), ("ModelLifeCycle",), ("ModelCard",), ()])
def test_an_edit_of_an_approved_package_starts_nothing(rules: dict[str, Resource], updated: tuple[str, ...]) -> None:
    """Its event says `Approved`, as it has been all along: production would go back to it."""
    assert hear(rules, package_change(status="Approved", updated=updated), DEFAULT_BUS) == set()


def test_an_approval_put_on_our_own_bus_starts_nothing(rules: dict[str, Resource]) -> None:
    assert hear(rules, package_change(status="Approved"), BUS) == set()


def candidate(status: str) -> CandidateRegistered:
    return CandidateRegistered.model_validate(
        {
            "use_case": "taxi_eta",
            "model_package_arn": ARN,
            "version": 7,
            "approval_status": status,
            "snapshot_id": "s",
            "training_job_name": "j",
            "summary": "better by 3 %",
        }
    )


def decision(*, train: bool) -> RetrainingDecided:
    return RetrainingDecided(
        use_case="taxi_eta",
        decision_id="d",
        train=train,
        cause="snapshot",
        reason="enough new rows",
        snapshot_id="s",
        manifest_uri="s3://datasets/m",
        training_job_name="j",
    )


def evidence() -> RetrainingWeighed:
    data = DataFacts(
        snapshot_id="s",
        rows=9,
        new_rows=9,
        later_rows=9,
        later_days=1.0,
        landed_rows=9,
        landed_quarantined=0,
    )
    return RetrainingWeighed(use_case="taxi_eta", decision_id="d", outcome="start", cause="c", reason="r", data=data)


SPOKEN: list[tuple[Event, set[str]]] = [
    (
        FindingChanged(use_case="taxi_eta", model_version=3, kind="accuracy", verdict="changed", reason="r"),
        {"FoundTaxiEtaRule"},
    ),
    (candidate("PendingManualApproval"), {"CandidateRegisteredRule", "AfterCandidateRegisteredRule"}),
    (candidate("Rejected"), {"AfterCandidateRegisteredRule"}),
    (decision(train=True), {"DecidedRule"}),
    (decision(train=False), set()),
    (evidence(), set()),
    (RetrainingRequested(use_case="taxi_eta", cause="hand"), {"AfterRetrainingRequestedRule"}),
    (
        DatasetSnapshotCreated(
            use_case="taxi_eta", snapshot_id="s", manifest_uri="m", rows_read=2, rows_kept=1, rows_quarantined=1
        ),
        {"AfterDatasetSnapshotCreatedRule"},
    ),
    (
        TrainingFailed(use_case="taxi_eta", decision_id="d", training_job_name="j", error="E", cause="c"),
        {"AfterTrainingFailedRule"},
    ),
    (
        OutcomeObserved.model_validate(
            {"use_case": "taxi_eta", "prediction_id": "p", "value": 1.0, "observed_at": "2026-11-21T10:00:00Z"}
        ),
        {"ObservedRule"},
    ),
    (
        MetricsObserved.model_validate(
            {
                "use_case": "taxi_eta",
                "prediction_id": "p",
                "metrics": {"cancelled": 1.0},
                "observed_at": "2026-11-21T10:00:00Z",
            }
        ),
        {"MeasuredRule"},
    ),
    (ObjectRefused(use_case="taxi_eta", bucket="b", key="k", version_id="v", error="E", reason="r"), set()),
    (ObjectErased(use_case="taxi_eta", key="k", versions=1, erased_by="a", reason="r"), set()),
    (RolloutAdvanced(use_case="taxi_eta", model_package_arn=ARN, stage="staging"), set()),
    (
        ChallengerJudged(
            use_case="taxi_eta",
            model_package_arn=ARN,
            stage="shadow",
            decision="reject",
            error="ChallengerRejectedError",
            reason="r",
            outcomes=9,
            estimate=1.0,
            lower=None,
            upper=None,
        ),
        set(),
    ),
    (RolloutCompleted(use_case="taxi_eta", model_package_arn=ARN, endpoint_name="e"), set()),
    (RolledBack(use_case="taxi_eta", model_package_arn=ARN, error="E", reason="r"), set()),
]


@pytest.mark.parametrize(("event", "heard_by"), SPOKEN, ids=lambda value: getattr(value, "source", ""))
def test_an_event_of_ours_is_heard_by_whom_it_concerns(
    rules: dict[str, Resource], event: Event, heard_by: set[str]
) -> None:
    entry = event.entry()
    envelope = {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }

    assert hear(rules, envelope, BUS) == heard_by


# --- what targets are given -------------------------------------------------------------------------------------------


def transform(target: dict[str, Any], event: dict[str, Any], *, quoted: bool) -> str:
    """What EventBridge makes of a target's input transformer; text is quoted where the template is JSON."""
    transformer = target["InputTransformer"]

    def look_up(match: re.Match[str]) -> str:
        value: Any = event
        for name in transformer["InputPathsMap"][match[1]].removeprefix("$.").split("."):
            value = value[name]
        return json.dumps(value) if quoted else str(value)

    return re.sub(r"<([\w-]+)>", look_up, transformer["InputTemplate"])


def test_the_rollout_is_told_which_model_goes_where(rules: dict[str, Resource]) -> None:
    [target] = rules["ApprovedTaxiEtaRule"].properties["Targets"]

    assert json.loads(transform(target, package_change(status="Approved"), quoted=True)) == {
        "use_case": "taxi_eta",
        "endpoint_name": "noriba-taxi-eta",
        "model_package_arn": ARN,
        "version": 7,
        "plan": RolloutPlan.of(load_use_case("taxi_eta").policies.rollout, stages="full").model_dump(mode="json"),
    }


def test_the_settling_is_told_which_execution_ended_or_to_look_at_everything(rules: dict[str, Resource]) -> None:
    [ended], [swept] = (rules[name].properties["Targets"] for name in ("IngestEndedRule", "SweepRule"))

    told = json.loads(transform(ended, execution_change(status="ABORTED"), quoted=True))
    assert told == {"execution": "arn:aws:states:eu-west-1:123456789012:execution:ingest:a"}
    assert json.loads(swept["Input"]) == {"execution": ""}


def test_the_decider_is_asked_by_the_clock_as_by_an_event(rules: dict[str, Resource]) -> None:
    [target] = rules["HourlyTaxiEtaRule"].properties["Targets"]
    tick = {"id": "6f9619ff", "time": "2026-11-21T10:00:00Z"}

    asked = json.loads(transform(target, tick, quoted=True))
    assert asked == {**tick, "detail-type": "Scheduled question", "detail": {"use_case": "taxi_eta"}}


def change_alarm(name: str, state: str) -> dict[str, Any]:
    """As CloudWatch sends it."""
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": "2026-07-04T05:04:40Z",
        "region": "eu-west-1",
        "resources": [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {"metrics": []},
            "state": {"value": state, "reason": 'it said "too much"', "timestamp": "2026-07-04T05:04:40.989+0000"},
        },
    }


@pytest.mark.parametrize("state", ["ALARM", "OK"])
def test_a_changed_world_asks_for_training_of_its_use_case_and_is_told_over(
    assembly: Assembly, rules: dict[str, Resource], state: str
) -> None:
    [alarm] = assembly.find("AWS::CloudWatch::CompositeAlarm")
    name = alarm.properties["AlarmName"]
    [target] = rules["AlarmedTaxiEtaRule"].properties["Targets"]
    event = change_alarm(name, state)
    asked = json.loads(transform(target, event, quoted=True))

    assert hear(rules, event, DEFAULT_BUS) == {"AlarmedTaxiEtaRule"}
    assert asked["detail"] == {"use_case": "taxi_eta", "alarm": event["detail"]}
    question = read_question(asked)
    assert (question.cause, question.asker) == (event["detail-type"], "alarm")
    assert question.alarm is not None
    assert (question.alarm.name, question.alarm.state) == (name, state)


def test_the_training_is_given_the_decision(rules: dict[str, Resource]) -> None:
    [target] = rules["DecidedRule"].properties["Targets"]

    assert target["InputPath"] == "$.detail"


def test_the_approver_reads_what_waits_why_and_what_to_type(rules: dict[str, Resource]) -> None:
    [target] = rules["CandidateRegisteredRule"].properties["Targets"]
    event = {"detail": candidate("PendingManualApproval").model_dump()}
    lines = [line.strip('"') for line in transform(target, event, quoted=False).splitlines()]

    assert lines[0] == "A candidate of taxi_eta waits for approval: version 7."
    assert lines[1] == "better by 3 %"
    assert lines[-1].endswith(f"--model-approval-status Approved --model-package-arn {ARN}")


def test_the_operators_read_what_was_found_of_which_model_and_where_to_look(rules: dict[str, Resource]) -> None:
    [target] = rules["FoundTaxiEtaRule"].properties["Targets"]
    reason = "distance: over 8 km: the error is 512, 1.71 times the hold-out's"
    found = FindingChanged(use_case="taxi_eta", model_version=3, kind="accuracy", verdict="changed", reason=reason)
    text = transform(target, {"detail": found.model_dump()}, quoted=False)

    said, _, address = text.strip('"').rpartition(". ")
    assert said == f"Taxi arrival time, version 3: accuracy is changed: {reason}"
    assert address.startswith("https://<AWS::Region>.console.aws.amazon.com/cloudwatch/")
    assert address.endswith("#dashboards/dashboard/noriba-taxi-eta-<AWS::Region>")


def test_whole_events_reach_the_planner_the_decider_and_the_archive(rules: dict[str, Resource]) -> None:
    whole = RULES.keys() - {
        "IngestEndedRule",
        "RolloutEndedRule",
        "ApprovedTaxiEtaRule",
        "DecidedRule",
        "CandidateRegisteredRule",
        "FoundTaxiEtaRule",
        "AlarmedTaxiEtaRule",
    }
    for name in whole:
        for target in rules[name].properties["Targets"]:
            assert not target.keys() & {"Input", "InputPath", "InputTransformer"}, name


def test_a_second_deployment_has_a_bus_and_a_group_of_its_own(customised: Assembly) -> None:
    rule = customised.one("AWS::Events::Rule", "ApprovedTaxiEtaRule")
    bus = customised.one("AWS::Events::EventBus", "Bus")

    assert rule.properties["EventPattern"]["detail"]["ModelPackageGroupName"] == ["trial-taxi-eta"]
    assert bus.properties["Name"] == "trial"
