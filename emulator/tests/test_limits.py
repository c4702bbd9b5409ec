"""What AWS refuses for its size or its form, the laptop cloud refuses too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from laptop_cloud.callers import connect_as

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually, Functions
    from laptop_cloud.process import RunningCloud

ROLE = "arn:aws:iam::123456789012:role/laptop"
GOOD = {"Source": "test", "DetailType": "said", "Detail": "{}"}


# --- EventBridge -----------------------------------------------------------------------------------------------------


def test_no_events_are_no_request(cloud: RunningCloud) -> None:
    careless = boto3.client(
        "events",
        **connect_as(cloud.account, cloud.region, cloud.endpoint_url),
        config=Config(parameter_validation=False),
    )

    with pytest.raises(ClientError, match="length greater than or equal to 1"):
        careless.put_events(Entries=[])


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({**GOOD, "Detail": "not json"}, "MalformedDetail"),
        ({**GOOD, "Detail": "[]"}, "MalformedDetail"),
        ({**GOOD, "Detail": "7"}, "MalformedDetail"),
        ({"DetailType": "said", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "test", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "test", "DetailType": "said"}, "InvalidArgument"),
    ],
)
def test_an_event_of_no_form_is_refused_and_those_beside_it_are_taken(client: Clients, entry: Any, code: str) -> None:
    answer = client("events").put_events(Entries=[GOOD, entry, GOOD])

    assert answer["FailedEntryCount"] == 1
    assert [found.get("ErrorCode") for found in answer["Entries"]] == [None, code, None]
    assert [("EventId" in found) for found in answer["Entries"]] == [True, False, True]


def test_events_too_large_together_are_refused(client: Clients) -> None:
    half = {**GOOD, "Detail": json.dumps({"text": "x" * 140_000})}
    assert client("events").put_events(Entries=[half])["FailedEntryCount"] == 0

    with pytest.raises(ClientError, match="over the limit"):
        client("events").put_events(Entries=[half, half])


# --- Step Functions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "status"), [(200_000, "SUCCEEDED"), (270_000, "FAILED")])
def test_a_state_holds_so_much_and_no_catch_helps(
    client: Clients, function: Functions, eventually: Eventually, name: str, size: int, status: str
) -> None:
    arn = function("def handler(event, _context):\n    return 'x' * event['size']\n")
    done = {"Type": "Succeed"}
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": arn, "Payload": {"size": size}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
        "Next": "Done",
    }
    states = client("stepfunctions")
    machine = states.create_state_machine(
        name=name, roleArn=ROLE, definition=json.dumps({"StartAt": "Ask", "States": {"Ask": ask, "Done": done}})
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def find_end() -> Any:
        found = states.describe_execution(executionArn=execution)
        return None if found["status"] == "RUNNING" else found

    ended = eventually(find_end)
    assert ended["status"] == status
    if status == "FAILED":
        assert ended["error"] == "States.DataLimitExceeded"


# --- S3 and DynamoDB -------------------------------------------------------------------------------------------------


def test_a_key_has_at_most_1024_bytes(client: Clients, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="日" * 341, Body=b"")

    with pytest.raises(ClientError, match="KeyTooLongError"):
        s3.put_object(Bucket=name, Key="日" * 342, Body=b"")


def test_a_sort_key_has_at_most_1024_bytes(client: Clients, name: str) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in "ps"],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=name, Item={"p": {"S": "p"}, "s": {"S": "s" * 1024}})

    for item in ({"p": "p", "s": "s" * 1025}, {"p": "", "s": "s"}):
        with pytest.raises(ClientError, match="ValidationException"):
            dynamodb.put_item(TableName=name, Item={key: {"S": value} for key, value in item.items()})


# --- Lambda ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lasting", [True, False], ids=["held", "spike"])
def test_a_function_that_takes_more_memory_than_it_has_is_ended(
    client: Clients, function: Functions, *, lasting: bool
) -> None:
    code = f"""
import time
def handler(event, _context):
    held = bytearray(300 * 2**20)
    for page in range(0, len(held), 4096):
        held[page] = 1
    time.sleep({5 if lasting else 0})
    return len(held)
"""
    arn = function(code, MemorySize=256)

    answer = client("lambda").invoke(FunctionName=arn)

    assert answer["FunctionError"]
    assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.OutOfMemory"


def test_an_answer_of_over_six_megabytes_is_an_error(client: Clients, function: Functions) -> None:
    arn = function("def handler(_event, _context):\n    return 'x' * 7_000_000\n", MemorySize=512)

    answer = client("lambda").invoke(FunctionName=arn)

    assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"
