"""Templates may use what MiniStack alone does not know, and it does something."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.tests.conftest import Clients, Eventually, Queue, Watch, Zip
    from laptop_cloud.process import RunningCloud

NEEDED = (
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGateway::UsagePlan",
    "AWS::Athena::WorkGroup",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::Events::Archive",
    "AWS::Events::EventBus",
    "AWS::Events::EventBusPolicy",
    "AWS::Events::Rule",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::StepFunctions::StateMachine",
)


@pytest.fixture
def stack(client: Clients, name: str) -> Iterator[Callable[..., dict[str, str]]]:
    """`stack(Bus={...})`: make or update a stack of these resources; its outputs."""
    cloudformation = client("cloudformation")
    made = False

    def put(outputs: dict[str, Any] | None = None, **resources: dict[str, Any]) -> dict[str, str]:
        nonlocal made
        template = {
            "Resources": resources,
            "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()},
        }
        change = cloudformation.update_stack if made else cloudformation.create_stack
        waiter = cloudformation.get_waiter("stack_update_complete" if made else "stack_create_complete")
        change(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
        made = True
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
        found = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        return {output["OutputKey"]: output["OutputValue"] for output in found}

    yield put
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )


@pytest.mark.parametrize("type_name", NEEDED)
def test_a_template_may_use(client: Clients, type_name: str) -> None:
    template = {"Resources": {"It": {"Type": type_name, "Properties": {}}}}

    client("cloudformation").validate_template(TemplateBody=json.dumps(template))


def test_a_type_that_nobody_knows_is_refused_by_name(client: Clients) -> None:
    template = {"Resources": {"It": {"Type": "AWS::Nowhere::Thing", "Properties": {}}}}

    with pytest.raises(ClientError, match="AWS::Nowhere::Thing"):
        client("cloudformation").validate_template(TemplateBody=json.dumps(template))


def bus_with_archive(name: str, **changes: Any) -> dict[str, Any]:
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}}
    archive = {
        "ArchiveName": name,
        "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]},
        "EventPattern": {"source": [{"prefix": "noriba."}]},
        "RetentionDays": 30,
        **changes,
    }
    return {"Bus": bus, "Archive": {"Type": "AWS::Events::Archive", "Properties": archive}}


def test_an_archive_keeps_what_matches_and_replays_it(
    client: Clients,
    queue: Queue,
    name: str,
    stack: Callable[..., dict[str, str]],
    eventually: Eventually,
) -> None:
    events = client("events")
    arns = {"BusArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "ArchiveArn": {"Fn::GetAtt": ["Archive", "Arn"]}}
    outputs = stack(arns, **bus_with_archive(name))
    began = datetime.now(UTC) - timedelta(seconds=1)
    for source in ("noriba.registry", "another"):
        entry = {"Source": source, "DetailType": "T", "Detail": '{"n": 1}', "EventBusName": name}
        events.put_events(Entries=[entry])
    eventually(lambda: events.describe_archive(ArchiveName=name)["EventCount"] == 1)

    events.put_rule(Name=name, EventBusName=name, EventPattern='{"source": ["noriba.registry"]}')
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    events.start_replay(
        ReplayName=name,
        EventSourceArn=outputs["ArchiveArn"],
        EventStartTime=began,
        EventEndTime=datetime.now(UTC) + timedelta(seconds=1),
        Destination={"Arn": outputs["BusArn"]},
    )

    event = queue.receive_json()
    assert event["detail"] == {"n": 1}
    assert event["replay-name"] == name
    events.remove_targets(Rule=name, EventBusName=name, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=name)


def test_an_archive_is_changed_in_place_and_deleted_with_its_stack(
    client: Clients, name: str, stack: Callable[..., dict[str, str]]
) -> None:
    stack(**bus_with_archive(name))
    stack(**bus_with_archive(name, RetentionDays=7, Description="a week"))

    archive = client("events").describe_archive(ArchiveName=name)
    assert (archive["RetentionDays"], archive["Description"]) == (7, "a week")

    bus = bus_with_archive(name)["Bus"]
    stack(Bus=bus)
    with pytest.raises(ClientError, match="does not exist"):
        client("events").describe_archive(ArchiveName=name)


def test_a_bus_policy_is_part_of_the_bus(
    client: Clients, cloud: RunningCloud, name: str, stack: Callable[..., dict[str, str]]
) -> None:
    bus = bus_with_archive(name)["Bus"]
    policy = {
        "EventBusName": {"Ref": "Bus"},
        "StatementId": "development",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "events:PutEvents",
            "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
        },
    }
    stack(Bus=bus, Policy={"Type": "AWS::Events::EventBusPolicy", "Properties": policy})

    (statement,) = json.loads(client("events").describe_event_bus(Name=name)["Policy"])["Statement"]
    assert statement["Sid"] == "development"
    assert statement["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    assert statement["Resource"] == f"arn:aws:events:{cloud.region}:{cloud.account}:event-bus/{name}"

    stack(Bus=bus)
    assert "Policy" not in client("events").describe_event_bus(Name=name)


def rule_with_alarm(queue_arn: str, dead_letters_arn: str, alarm: str, bus: str | None = None) -> dict[str, Any]:
    """A rule whose target is gone, and an alarm on it that is named as CloudFormation names the rule."""
    target = {"Id": "gone", "Arn": queue_arn, "DeadLetterConfig": {"Arn": dead_letters_arn}}
    rule = {"EventPattern": {"source": [alarm]}, "Targets": [target]}
    name: dict[str, Any] = {"Ref": "Rule"}
    dimensions = [{"Name": "RuleName", "Value": name}]
    if bus is not None:
        rule["EventBusName"] = bus
        dimensions = [
            {"Name": key, "Value": {"Fn::Select": [place, {"Fn::Split": ["|", name]}]}}
            for place, key in enumerate(("EventBusName", "RuleName"))
        ]
    watched = {
        "AlarmName": alarm,
        "Namespace": "AWS/Events",
        "MetricName": "FailedInvocations",
        "Dimensions": dimensions,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    return {
        "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": watched},
    }


@pytest.mark.parametrize("custom", [False, True], ids=["default bus", "custom bus"])
def test_an_alarm_on_what_a_rule_cannot_deliver_goes_off(
    client: Clients,
    cloud: RunningCloud,
    queue: Queue,
    name: str,
    stack: Callable[..., dict[str, str]],
    eventually: Eventually,
    custom: bool,
) -> None:
    gone = f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}-gone"
    if custom:
        client("events").create_event_bus(Name=name)
    stack(**rule_with_alarm(gone, queue.arn, name, bus=name if custom else None))

    entry = {"Source": name, "DetailType": "T", "Detail": "{}", "EventBusName": name if custom else "default"}
    client("events").put_events(Entries=[entry])

    [alarm] = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert dimensions.get("EventBusName") == (name if custom else None)
    eventually(
        lambda: client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"] == "ALARM"
    )


def test_a_rule_of_another_bus_is_named_after_both_in_place_and_gone_with_its_stack(
    client: Clients, name: str, stack: Callable[..., dict[str, str]]
) -> None:
    bus = bus_with_archive(name)["Bus"]
    ref = {"Rule": {"Ref": "Rule"}, "Arn": {"Fn::GetAtt": ["Rule", "Arn"]}}

    def rule(source: str) -> dict[str, Any]:
        pattern = {"EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": [source]}}
        return {"Type": "AWS::Events::Rule", "Properties": pattern}

    made = stack(ref, Bus=bus, Rule=rule("first"))
    changed = stack(ref, Bus=bus, Rule=rule("second"))

    assert made == changed
    assert made["Rule"] == f"{name}|{made['Arn'].rpartition('/')[2]}"
    [found] = client("events").list_rules(EventBusName=name)["Rules"]
    assert json.loads(found["EventPattern"]) == {"source": ["second"]}
    drift = client("cloudformation").detect_stack_resource_drift(StackName=name, LogicalResourceId="Rule")
    assert drift["StackResourceDrift"]["StackResourceDriftStatus"] == "IN_SYNC"

    stack(Bus=bus)
    assert client("events").list_rules(EventBusName=name)["Rules"] == []


def function_resource(**properties: Any) -> dict[str, Any]:
    settings = {
        "Runtime": "python3.14",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::123456789012:role/laptop",
        "Code": {"ZipFile": "def handler(event, context):\n    raise ValueError\n"},
        **properties,
    }
    return {"Type": "AWS::Lambda::Function", "Properties": settings}


def test_a_function_has_the_dead_letter_queue_and_the_concurrency_of_its_template(
    client: Clients, name: str, queue: Queue, stack: Callable[..., dict[str, str]]
) -> None:
    stack(
        Function=function_resource(
            FunctionName=name, DeadLetterConfig={"TargetArn": queue.arn}, ReservedConcurrentExecutions=3
        )
    )

    concurrency = client("lambda").get_function_concurrency(FunctionName=name)
    assert concurrency["ReservedConcurrentExecutions"] == 3
    client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')
    assert queue.receive_json()["requestPayload"] == {"n": 1}


@pytest.fixture
def layer(client: Clients, name: str, zipped: Zip) -> dict[str, Any]:
    client("s3").create_bucket(Bucket=name)
    archive = zipped({"python/shared_by_functions.py": "ANSWER = 42\n"})
    client("s3").put_object(Bucket=name, Key="layer.zip", Body=archive)
    return {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Bucket": name, "S3Key": "layer.zip"}}}


def test_a_function_imports_what_its_layers_bring(
    client: Clients, name: str, layer: dict[str, Any], stack: Callable[..., dict[str, str]]
) -> None:
    source = "import shared_by_functions\n\ndef handler(event, context):\n    return shared_by_functions.ANSWER\n"
    function = function_resource(FunctionName=name, Code={"ZipFile": source}, Layers=[{"Ref": "Layer"}])

    stack(Layer=layer, Function=function)

    assert json.loads(client("lambda").invoke(FunctionName=name)["Payload"].read()) == 42


def test_what_the_api_refuses_fails_the_stack_with_its_reason(
    client: Clients, name: str, stack: Callable[..., dict[str, str]]
) -> None:
    rule = {"AlarmName": f"{name}-all", "AlarmRule": 'ALARM("no-such-alarm")'}

    with pytest.raises(WaiterError):
        stack(Alarm={"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": rule})

    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert any("no-such-alarm" in event.get("ResourceStatusReason", "") for event in events)


def test_an_alarm_may_watch_all_series_that_a_query_finds(
    client: Clients, name: str, stack: Callable[..., dict[str, str]], watch: Watch
) -> None:
    inbox = watch({"source": ["aws.cloudwatch"], "detail": {"alarmName": [name], "state": {"value": ["ALARM"]}}})
    query = f"SELECT SUM(Errors) FROM SCHEMA(\"Test/{name}\", Endpoint, Variant) WHERE Endpoint = 'eta'"  # noqa: S608
    alarm = {
        "AlarmName": name,
        "Metrics": [{"Id": "q", "Expression": query, "Period": 60, "ReturnData": True}],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 3,
    }
    stack(Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": alarm})

    for endpoint, variant, value in (("other", "v1", 9), ("eta", "v1", 1), ("eta", "v2", 2)):
        dimensions = [{"Name": "Endpoint", "Value": endpoint}, {"Name": "Variant", "Value": variant}]
        datum = {"MetricName": "Errors", "Value": value, "Dimensions": dimensions}
        client("cloudwatch").put_metric_data(Namespace=f"Test/{name}", MetricData=[datum])

    detail = inbox.receive_json()["detail"]
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [3.0]
    assert detail["configuration"]["metrics"] == [{"id": "q", "expression": query, "returnData": True}]


def test_the_address_of_an_api_in_an_output_can_be_called(
    cloud: RunningCloud, stack: Callable[..., dict[str, str]]
) -> None:
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "predictions"}}
    address = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1/"}

    outputs = stack({"Id": {"Ref": "Api"}, "Address": address}, Api=api)

    assert outputs["Address"] == f"{cloud.endpoint_url}/_aws/execute-api/{outputs['Id']}/v1/"
