"""A deployment whose parts stand in two accounts, with moto's CloudFormation, S3, SageMaker and CloudWatch in each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from noriba.aws.deployment import NotDeployedError
from noriba.client import Session, find_log, list_logs, read_status
from noriba.client import status as status_module
from noriba.client.removal import tear_down
from tests.unit.accounts import configure, make_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.aws.clients import Clients
    from noriba.aws.places import Part

DATA, PRODUCTION = "444444444444", "777777777777"
IN_DATA: tuple[Part, ...] = ("data", "registry", "training", "events", "people")
IN_PRODUCTION: tuple[Part, ...] = ("staging", "rollout", "serving", "observations", "monitoring", "operators")
OUTPUTS: dict[Part, list[str]] = {
    "data": ["LedgerTable", "IngestMachineArn", "SettleMachineArn"],
    "registry": ["ApproverRoleArn"],
    "training": ["TrainMachineArn"],
    "rollout": ["RolloutMachineArn"],
    "serving": ["ApiUrl", "ApiKeyId"],
    "observations": ["ObservationsDatabase", "QueryWorkgroup", "CompactFunction", "GatherFunction"],
    "monitoring": ["MonitorMachineArn"],
    "operators": ["OperatorsApiUrl"],
}
BUCKETS: dict[Part, list[str]] = {
    "data": ["RawBucket", "DatasetsBucket", "QuarantineBucket"],
    "registry": ["ModelsBucket"],
    "rollout": ["CapturesBucket"],
    "serving": ["OutcomesBucket"],
    "observations": ["ObservationsBucket"],
}


@pytest.fixture(scope="module", autouse=True)
def _deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The bus of production tells that of the other account."""
    with mock_aws(), pytest.MonkeyPatch.context() as environment:
        accounts = {"acme-data": DATA, "acme-production": PRODUCTION}
        configure(tmp_path_factory.mktemp("aws"), environment, accounts)
        profiles = {"acme-data": IN_DATA, "acme-production": IN_PRODUCTION}
        named = " ".join(f"{part}={profile}" for profile, parts in profiles.items() for part in parts)
        environment.setenv("NORIBA_PROFILES", named)
        session = Session("noriba")
        for part in ("data", "rollout"):
            make_events(session.at(part), "noriba-events", f"bus-of-{part}")
        for part, names in OUTPUTS.items():
            buckets = {name: f"{part}-{name.lower()}" for name in BUCKETS.get(part, [])}
            outputs = {name: f"{part}-{name}" for name in names}
            make_stack(session.at(part), f"noriba-{part}", outputs, buckets=buckets)
        yield


@pytest.fixture
def session() -> Session:
    return Session("noriba", "taxi_eta")


def make_events(clients: Clients, name: str, bus: str) -> None:
    queue = clients.sqs.create_queue(QueueName=bus)["QueueUrl"]
    clients.sqs.send_message(QueueUrl=queue, MessageBody="lost")
    make_stack(clients, name, {"BusName": bus, "DeadLetterQueueUrl": queue}, buckets={})


def test_a_deployment_is_read_from_each_part_s_own_account(session: Session) -> None:
    found = session.deployment

    assert found.raw_bucket == "data-rawbucket"
    assert found.captures_bucket == "rollout-capturesbucket"
    # An events stack stands in both; the one that others tell is the part's own.
    assert found.bus_name == "bus-of-data"


def test_a_part_that_nobody_needs_need_not_be_seen(session: Session) -> None:
    """An approver has no access to where models are trained, say."""
    other = Session("other")
    make_events(other.at("events"), "other-events", "bus-of-another")

    assert other.deployment.bus_name == "bus-of-another"
    with pytest.raises(NotDeployedError, match=r"other-serving is not deployed where .* the profile acme-production;"):
        _ = other.deployment.api_url
    assert session.deployment.api_url == "serving-ApiUrl"
    with pytest.raises(AttributeError):
        _ = session.deployment.no_such_output  # type: ignore[attr-defined]  # that is the point


def test_an_output_that_a_stack_lacks_is_named() -> None:
    old = Session("old")
    make_stack(old.at("serving"), "old-serving", {"ApiUrl": "url"}, buckets={})

    assert old.deployment.api_url == "url"
    with pytest.raises(NotDeployedError, match="lack the outputs OutcomesBucket: deploy this version"):
        _ = old.deployment.outcomes_bucket


def test_of_a_deployment_that_is_elsewhere_it_is_said_who_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the credentials of one of its accounts alone, of which each has a stack for events."""
    monkeypatch.delenv("NORIBA_PROFILES")
    session = Session("half")
    make_events(session.at("events"), "half-events", "bus-of-half")

    with pytest.raises(NotDeployedError, match=r"half-data, .*half-operators; .* NORIBA_PROFILES says"):
        _ = session.deployment


def test_machines_are_asked_where_they_are(session: Session) -> None:
    there = session.at("rollout").stepfunctions
    role = f"arn:aws:iam::{PRODUCTION}:role/machine"
    machine = there.create_state_machine(name="rollout", definition='{"StartAt": "x"}', roleArn=role)["stateMachineArn"]
    vars(session)["deployment"] = SimpleNamespace(rollout_machine_arn=machine)

    started = session.history("rollout").start("{}")

    assert f":{PRODUCTION}:" in started
    assert [one["executionArn"] for one in there.list_executions(stateMachineArn=machine)["executions"]] == [started]


def test_the_status_tells_each_account_and_counts_all_of_them(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("data", "rollout"):
        ring(session.at(part), f"noriba-{part}-alarm")
    monkeypatch.setattr(status_module, "_read_state", lambda _session, _accounts: None)

    found = read_status(session)

    told = {one.account: (set(one.parts), len(one.stacks), one.alarms, one.dead_letters) for one in found.accounts}
    assert told == {
        DATA: (set(IN_DATA), 4, ("noriba-data-alarm",), 1),
        PRODUCTION: (set(IN_PRODUCTION), 6, ("noriba-rollout-alarm",), 1),
    }
    # Each once, in its part's own account.
    assert sorted(found.stacks) == sorted(f"noriba-{part}" for part in ("events", *OUTPUTS))


def ring(clients: Clients, name: str) -> None:
    clients.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    clients.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="now")


def test_a_log_is_read_in_its_account(session: Session) -> None:
    assert find_log(session, "training").clients is session.at("training")
    assert find_log(session, "noriba-taxi-eta-staging-8d0d03f1").clients is session.at("staging")
    assert set(list_logs(session)) == {"training", "evaluation"}


def test_a_teardown_empties_both_accounts_and_names_the_account_of_each_thing(session: Session) -> None:
    session.at("data").s3.put_object(Bucket="data-rawbucket", Key="taxi_eta/a.csv", Body=b"a")
    session.at("rollout").s3.put_object(Bucket="rollout-capturesbucket", Key="a", Body=b"a")
    role = f"arn:aws:iam::{PRODUCTION}:role/models"
    session.at("rollout").sagemaker.create_model(ModelName="noriba-taxi-eta-v1-aa", ExecutionRoleArn=role)

    where = session.describe_place()
    removed = tear_down(session)

    assert where == f"accounts {DATA}, {PRODUCTION}, region ap-northeast-1"
    assert removed == {
        f"data-rawbucket in {DATA}": 1,
        f"rollout-capturesbucket in {PRODUCTION}": 1,
        f"endpoint noriba-taxi-eta in {PRODUCTION}": 1,
    }
    assert session.at("data").s3.list_objects_v2(Bucket="data-rawbucket")["KeyCount"] == 0
    assert tear_down(session) == {}
