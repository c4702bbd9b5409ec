"""A task acts as the role that it names, in that role's account, where the machine may assume it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR
from emulator.tests.permissions import allow, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually, Functions, Role, Run

    Trust = Callable[..., str]

KEY = {"k": {"S": "1"}}
ASSUME = ["sts:AssumeRole"]


@pytest.fixture
def table(client: Clients, name: str) -> str:
    """A table that lets in nobody of another account."""
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("dynamodb").put_item(TableName=name, Item={**KEY, "n": {"N": "1"}})
    return f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}"


@pytest.fixture
def entrance(client: Clients, role: Role, name: str) -> Trust:
    """`entrance(principal, {...})`: a role that somebody of another account may act as."""

    def make(principal: dict[str, str], *statements: dict[str, Any], **condition: dict[str, Any]) -> str:
        arn = role(*statements)
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": {**trust, **({"Condition": condition} if condition else {})}}
        client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
        return arn

    return make


def read(table: str, **credentials: str) -> dict[str, Any]:
    name = table.rpartition("/")[2]
    return {
        "Resource": "arn:aws:states:::dynamodb:getItem",
        "Parameters": {"TableName": name, "Key": KEY},
        "Credentials": credentials,
    }


def theirs(name: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{NEIGHBOUR}:role/{name}"}


@pytest.mark.parametrize("whom", ["role", "account"])
def test_a_task_acts_in_the_account_of_its_role(
    run_there: Run, their_role: Role, entrance: Trust, table: str, name: str, whom: str
) -> None:
    principal = theirs(name) if whom == "role" else {"AWS": NEIGHBOUR}
    inside = entrance(principal, allow(["dynamodb:GetItem"], table))

    ended = run_there(their_role(allow(ASSUME, inside)), read(table, RoleArn=inside))

    assert ended.get("cause") is None
    assert json.loads(ended["output"])["Item"]["n"] == {"N": "1"}


def test_the_role_is_found_by_a_path(run_there: Run, their_role: Role, entrance: Trust, table: str, name: str) -> None:
    inside = entrance(theirs(name), allow(["dynamodb:GetItem"], table))
    task = {**read(table, **{"RoleArn.$": "$.as"}), "InputPath": "$.within"}

    ended = run_there(their_role(allow(ASSUME, inside)), task, within={"as": inside})

    assert json.loads(ended["output"])["Item"]["n"] == {"N": "1"}


def test_the_role_is_found_by_an_expression(
    run_there: Run, their_role: Role, entrance: Trust, table: str, name: str
) -> None:
    inside = entrance(theirs(name), allow(["dynamodb:GetItem"], table))
    task = read(table, RoleArn="{% $states.input.as %}")
    task = {**task, "QueryLanguage": "JSONata", "Arguments": task.pop("Parameters")}

    ended = run_there(their_role(allow(ASSUME, inside)), task, **{"as": inside})

    assert json.loads(ended["output"])["Item"]["n"] == {"N": "1"}


def test_a_machine_that_may_not_assume_the_role_is_refused(
    run_there: Run, their_role: Role, entrance: Trust, table: str, name: str
) -> None:
    inside = entrance(theirs(name), allow(["dynamodb:GetItem"], table))

    ended = run_there(their_role(allow(ASSUME, f"{inside}-other")), read(table, RoleArn=inside))

    assert ended["error"] == "States.Permissions"
    assert "sts:AssumeRole" in ended["cause"]


def test_a_role_that_does_not_trust_the_machine_is_not_assumed(
    run_there: Run, their_role: Role, entrance: Trust, table: str, name: str
) -> None:
    inside = entrance(theirs(f"{name}-other"), allow(["dynamodb:GetItem"], table))

    ended = run_there(their_role(allow(ASSUME, inside)), read(table, RoleArn=inside))

    assert ended["error"] == "States.Permissions"
    assert "does not trust" in ended["cause"]


def test_a_role_may_trust_one_machine_alone(
    run_there: Run, their_role: Role, entrance: Trust, table: str, name: str
) -> None:
    machine = f"arn:aws:states:us-east-1:{NEIGHBOUR}:stateMachine:{name}"
    reading = allow(["dynamodb:GetItem"], table)
    inside = entrance(theirs(name), reading, StringEquals={"sts:ExternalId": f"{machine}-other"})
    task = read(table, RoleArn=inside)
    assert run_there(their_role(allow(ASSUME, inside)), task)["error"] == "States.Permissions"

    entrance(theirs(name), reading, StringEquals={"sts:ExternalId": machine})
    assert run_there(their_role(allow(ASSUME, inside)), task)["status"] == "SUCCEEDED"


def test_what_the_role_may_not_do_the_task_may_not(
    run_there: Run, their_role: Role, entrance: Trust, table: str, name: str
) -> None:
    """Not even where the machine's own role may."""
    inside = entrance(theirs(name), allow(["dynamodb:PutItem"], table))
    machine = their_role(allow(ASSUME, inside), allow(["dynamodb:GetItem"], "*"))

    ended = run_there(machine, read(table, RoleArn=inside))

    assert ended["error"] == "States.Permissions"
    assert f"assumed-role/{name}" in ended["cause"]
    assert "123456789012" in ended["cause"]


def test_a_function_of_another_account_is_invoked(
    run_there: Run, their_role: Role, entrance: Trust, function: Functions, name: str
) -> None:
    arn = function("def handler(event, context):\n    return event['n'] + 1\n")
    inside = entrance(theirs(name), allow(["lambda:InvokeFunction"], arn))
    task = {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": arn, "Payload": {"n": 1}},
        "Credentials": {"RoleArn": inside},
    }

    ended = run_there(their_role(allow(ASSUME, inside)), task)

    assert json.loads(ended["output"])["Payload"] == 2


def test_an_object_is_read_by_a_task_as_its_role(
    client: Clients, run_there: Run, their_role: Role, entrance: Trust, name: str
) -> None:
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="a", Body=b"rows")
    inside = entrance(theirs(name), allow(["s3:*"], "*"))
    task = {
        "Resource": "arn:aws:states:::aws-sdk:s3:headObject",
        "Parameters": {"Bucket": name, "Key": "a"},
        "Credentials": {"RoleArn": inside},
    }

    ended = run_there(their_role(allow(ASSUME, inside)), task)
    assert ended.get("cause") is None


def test_a_bucket_lets_in_the_role_of_a_machine(client: Clients, run_there: Run, their_role: Role, name: str) -> None:
    """And not whoever started the machine, whose account as a whole is not let in."""
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="a", Body=b"rows")
    task = {"Resource": "arn:aws:states:::aws-sdk:s3:headObject", "Parameters": {"Bucket": name, "Key": "a"}}
    for role, status in ((f"{name}-other", "FAILED"), (name, "SUCCEEDED")):
        statement = {**allow(["s3:GetObject"], f"arn:aws:s3:::{name}/*"), "Principal": theirs(role)}
        policy = {"Version": "2012-10-17", "Statement": statement}
        client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        assert run_there(their_role(allow(["s3:*"], "*")), task)["status"] == status


def test_a_task_waits_for_an_answer_to_what_it_did_as_its_role(  # fixtures
    client: Clients,
    neighbour: Clients,
    their_role: Role,
    entrance: Trust,
    table: str,
    name: str,
    eventually: Eventually,
) -> None:
    inside = entrance(theirs(name), allow(["dynamodb:PutItem"], table))
    wait = {
        "Type": "Task",
        "End": True,
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
        "Parameters": {"TableName": name, "Item": {"k": {"S": "token"}, "token": {"S.$": "$$.Task.Token"}}},
        "Credentials": {"RoleArn": inside},
    }
    states = neighbour("stepfunctions")
    definition = json.dumps({"StartAt": "Only", "States": {"Only": wait}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=their_role(allow(ASSUME, inside)))[
        "stateMachineArn"
    ]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    key = {"k": {"S": "token"}}
    item = eventually(lambda: client("dynamodb").get_item(TableName=name, Key=key).get("Item"))

    answer = {"taskToken": item["token"]["S"], "output": "{}"}
    assert refusal(client("stepfunctions").send_task_success, **answer) == "TaskDoesNotExist"
    states.send_task_success(**answer)

    assert eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
