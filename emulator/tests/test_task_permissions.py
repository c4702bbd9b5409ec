"""What a state machine does, its role must allow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.permissions import act_as, allow, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually, Functions, Role
    from laptop_cloud.process import RunningCloud

HERE = "us-east-1:123456789012"


@pytest.fixture
def run(client: Clients, name: str, eventually: Eventually) -> Callable[..., dict[str, Any]]:
    """`run(role, {"Type": "Task", …})`: how an execution of a machine with this one state ended."""

    def start(role: str, task: dict[str, Any]) -> dict[str, Any]:
        states = client("stepfunctions")
        definition = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Task", "End": True, **task}}})
        machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        ended: dict[str, Any] = eventually(look)
        return ended

    return start


@pytest.fixture
def table(client: Clients, name: str) -> str:
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.mark.parametrize(
    ("action", "status"), [("dynamodb:GetItem", "SUCCEEDED"), ("dynamodb:PutItem", "FAILED"), (None, "FAILED")]
)
def test_a_table_is_read_by_a_role_that_may_read_it(
    run: Callable[..., dict[str, Any]], role: Role, table: str, action: str | None, status: str
) -> None:
    arn = f"arn:aws:dynamodb:{HERE}:table/{table}" if action else f"arn:aws:dynamodb:{HERE}:table/other"
    ended = run(
        role(allow([action or "dynamodb:GetItem"], arn)),
        {
            "Resource": "arn:aws:states:::dynamodb:getItem",
            "Parameters": {"TableName": table, "Key": {"k": {"S": "1"}}},
        },
    )

    assert ended["status"] == status
    if status == "FAILED":
        assert ended["error"] == "States.Permissions"
        assert "is not authorized to perform: dynamodb:GetItem on resource" in ended["cause"]


def test_a_function_is_called_by_a_role_that_may_call_it(
    run: Callable[..., dict[str, Any]], role: Role, function: Functions
) -> None:
    arn = function("def handler(event, context):\n    return 7\n")
    task = {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": arn}}

    assert run(role(allow(["lambda:InvokeFunction"], f"{arn}-other")), task)["error"] == "States.Permissions"


def test_sagemaker_is_called_with_a_role_that_may_be_handed_on(
    run: Callable[..., dict[str, Any]], role: Role, name: str
) -> None:
    model = {
        "ModelName": name,
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/sagemaker",
        "PrimaryContainer": {"Image": "none:1"},
    }
    ended = run(
        role(allow(["sagemaker:CreateModel"], f"arn:aws:sagemaker:{HERE}:model/*")),
        {"Resource": "arn:aws:states:::sagemaker:createModel", "Parameters": model},
    )

    assert ended["error"] == "States.Permissions"
    assert "iam:PassRole" in ended["cause"]


def test_events_are_put_in_ones_own_name(run: Callable[..., dict[str, Any]], role: Role) -> None:
    only: dict[str, dict[str, Any]] = {"ForAllValues:StringEquals": {"events:source": ["app.orders"]}}
    entry = {"Source": "app.money", "DetailType": "Paid", "Detail": {}, "EventBusName": "default"}
    ended = run(
        role(allow(["events:PutEvents"], f"arn:aws:events:{HERE}:event-bus/default", **only)),
        {"Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [entry]}},
    )

    assert ended["error"] == "States.Permissions"


def test_a_task_is_answered_by_who_may_answer_for_its_machine(
    cloud: RunningCloud, client: Clients, role: Role, table: str, name: str, eventually: Eventually
) -> None:
    states = client("stepfunctions")
    wait = {
        "Type": "Task",
        "End": True,
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
        "Parameters": {"TableName": table, "Item": {"k": {"S": "token"}, "token": {"S.$": "$$.Task.Token"}}},
    }
    definition = json.dumps({"StartAt": "Only", "States": {"Only": wait}})
    machine = states.create_state_machine(
        name=name, definition=definition, roleArn="arn:aws:iam::123456789012:role/states"
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    key = {"k": {"S": "token"}}
    item = eventually(lambda: client("dynamodb").get_item(TableName=table, Key=key).get("Item"))
    answerer = role(allow(["states:SendTaskSuccess"], machine))
    session = act_as(cloud, client, answerer).client("stepfunctions", endpoint_url=cloud.endpoint_url)

    assert refusal(session.send_task_failure, taskToken=item["token"]["S"]) == "AccessDeniedException"
    session.send_task_success(taskToken=item["token"]["S"], output="{}")
    assert eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    # Too late, which is no matter of permissions.
    late = refusal(session.send_task_success, taskToken=item["token"]["S"], output="{}")
    assert late in {"TaskDoesNotExist", "TaskTimedOut"}
    assert refusal(session.send_task_failure, taskToken=item["token"]["S"]) == "AccessDeniedException"
