"""EventBridge delivers dependably, and says where it could not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import admit_deliveries
from emulator.tests.permissions import allow

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually, Functions, Queue, Role
    from laptop_cloud.process import RunningCloud

RULES = "arn:aws:events:us-east-1:123456789012:rule"
ROLE = "arn:aws:iam::123456789012:role/laptop"


@pytest.fixture
def route(client: Clients, name: str) -> Callable[..., None]:
    """`route(target)`: events of source `name` go there."""

    def put(target: dict[str, Any]) -> None:
        client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        answer = client("events").put_targets(Rule=name, Targets=[{"Id": "target", **target}])
        assert answer["FailedEntryCount"] == 0

    return put


@pytest.fixture
def send(client: Clients, name: str) -> Callable[..., None]:
    def put(detail: dict[str, Any]) -> None:
        entry = {"Source": name, "DetailType": "Test", "Detail": json.dumps(detail)}
        assert client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    return put


def test_a_failing_function_is_tried_again_and_then_its_failure_destination_is_told(
    client: Clients, function: Functions, queue: Queue, route: Callable[..., None], send: Callable[..., None]
) -> None:
    arn = function("def handler(event, context):\n    raise LookupError('no snapshot')\n")
    client("lambda").put_function_event_invoke_config(
        FunctionName=arn, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": queue.arn}}
    )
    route({"Arn": arn})

    send({"n": 1})

    told = queue.receive_json()
    assert told["requestPayload"]["detail"] == {"n": 1}
    assert told["responsePayload"]["errorType"] == "LookupError"


def test_an_event_for_a_function_that_is_gone_is_kept_with_the_reason(
    client: Clients, function: Functions, queue: Queue, name: str, route: Callable[..., None], send: Callable[..., None]
) -> None:
    arn = function("def handler(event, context):\n    pass\n")
    route({"Arn": arn, "DeadLetterConfig": {"Arn": queue.arn}})
    client("lambda").delete_function(FunctionName=arn)

    send({"n": 2})

    message = queue.receive()
    assert json.loads(message["Body"])["detail"] == {"n": 2}
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes == {
        "RULE_ARN": client("events").describe_rule(Name=name)["Arn"],
        "TARGET_ARN": arn,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"Target {arn} does not exist.",
    }


def test_an_event_for_a_service_that_the_laptop_cannot_reach_is_kept_too(
    cloud: RunningCloud, queue: Queue, route: Callable[..., None], send: Callable[..., None]
) -> None:
    arn = f"arn:aws:logs:{cloud.region}:{cloud.account}:log-group:/somewhere"
    route({"Arn": arn, "DeadLetterConfig": {"Arn": queue.arn}})

    send({})

    assert "not to arn:aws:logs" in queue.receive()["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_events_reach_a_delivery_stream_and_then_s3_together(
    client: Clients,
    cloud: RunningCloud,
    name: str,
    route: Callable[..., None],
    send: Callable[..., None],
    eventually: Eventually,
) -> None:
    client("s3").create_bucket(Bucket=name)
    newline = {
        "Type": "AppendDelimiterToRecord",
        "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
    }
    client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{name}",
            "RoleARN": ROLE,
            "Prefix": "outcomes/day=!{timestamp:yyyy-MM-dd}/",
            "ErrorOutputPrefix": "refused/!{firehose:error-output-type}/",
            "BufferingHints": {"IntervalInSeconds": 300, "SizeInMBs": 64},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [newline]},
        },
    )
    stream = f"arn:aws:firehose:{cloud.region}:{cloud.account}:deliverystream/{name}"
    route({"Arn": stream, "RoleArn": ROLE, "InputPath": "$.detail"})

    for n in range(3):
        send({"n": n})

    def lines() -> list[dict[str, Any]]:
        listed = client("s3").list_objects_v2(Bucket=name).get("Contents", [])
        bodies = [client("s3").get_object(Bucket=name, Key=each["Key"])["Body"].read() for each in listed]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    eventually(lambda: sorted(line["n"] for line in lines()) == [0, 1, 2])
    keys = [each["Key"] for each in client("s3").list_objects_v2(Bucket=name)["Contents"]]
    assert len(keys) < 3
    assert keys[0].startswith("outcomes/day=20")


@pytest.fixture
def their_bus(neighbour: Clients, name: str) -> str:
    return str(neighbour("events").create_event_bus(Name=name)["EventBusArn"])


def test_a_bus_of_another_account_receives_what_its_policy_allows(
    neighbour: Clients,
    cloud: RunningCloud,
    name: str,
    their_bus: str,
    route: Callable[..., None],
    send: Callable[..., None],
) -> None:
    events, sqs = neighbour("events"), neighbour("sqs")
    events.put_permission(
        EventBusName=name, StatementId="governance", Principal=cloud.account, Action="events:PutEvents"
    )
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": admit_deliveries()})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    route({"Arn": their_bus, "RoleArn": ROLE})

    send({"n": 1})

    event = json.loads(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]["Body"])
    assert event["detail"] == {"n": 1}
    assert event["account"] == cloud.account


def test_a_bus_of_another_account_without_a_policy_stays_closed(
    their_bus: str, queue: Queue, route: Callable[..., None], send: Callable[..., None]
) -> None:
    route({"Arn": their_bus, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": queue.arn}})

    send({})

    assert queue.receive()["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


# --- what a rule may do -----------------------------------------------------------------------------------------------


def test_a_function_that_does_not_let_the_rule_in_is_not_invoked(
    client: Clients, function: Functions, queue: Queue, name: str, route: Callable[..., None], send: Callable[..., None]
) -> None:
    arn = function("def handler(event, context):\n    pass\n")
    client("lambda").remove_permission(FunctionName=arn, StatementId="events")
    client("lambda").add_permission(
        FunctionName=arn,
        StatementId="another",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"{RULES}/{name}-another",
    )
    route({"Arn": arn, "DeadLetterConfig": {"Arn": queue.arn}})

    send({})

    said = queue.receive()["MessageAttributes"]
    assert said["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert said["ERROR_MESSAGE"]["StringValue"].startswith(
        "events.amazonaws.com is not authorized to perform: lambda:InvokeFunction on resource: "
    )


def test_a_queue_lets_in_the_rules_that_its_policy_names(
    client: Clients, queue: Queue, name: str, route: Callable[..., None], send: Callable[..., None]
) -> None:
    for rule in (f"{name}-another", name):
        policy = admit_deliveries(ArnEquals={"aws:SourceArn": f"{RULES}/{rule}"})
        client("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy})
        route({"Arn": queue.arn})
        send({"admitted": rule})

    assert queue.receive_json()["detail"] == {"admitted": name}


@pytest.fixture
def machine(client: Clients, name: str) -> str:
    """The ARN of a machine that does nothing."""
    nothing = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}})
    made = client("stepfunctions").create_state_machine(name=name, definition=nothing, roleArn=ROLE)
    return str(made["stateMachineArn"])


def test_a_machine_is_started_by_a_role_that_may(
    client: Clients,
    role: Role,
    machine: str,
    route: Callable[..., None],
    send: Callable[..., None],
    eventually: Eventually,
) -> None:
    route({"Arn": machine, "RoleArn": role(allow(["states:StartExecution"], machine))})

    send({})

    assert eventually(lambda: client("stepfunctions").list_executions(stateMachineArn=machine)["executions"])


@pytest.mark.parametrize("action", ["states:StopExecution", None], ids=["its role may not", "without a role"])
def test_a_machine_is_not_started_by_who_may_not(  # fixtures
    role: Role,
    queue: Queue,
    machine: str,
    route: Callable[..., None],
    send: Callable[..., None],
    action: str | None,
) -> None:
    starter = {"RoleArn": role(allow([action], machine))} if action else {}
    route({"Arn": machine, "DeadLetterConfig": {"Arn": queue.arn}, **starter})

    send({})

    assert queue.receive()["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
