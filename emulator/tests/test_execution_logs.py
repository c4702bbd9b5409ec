"""What an execution did stands in its machine's log group, as much of it as is asked for."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually

ROLE = "arn:aws:iam::123456789012:role/laptop"
FAILS = {"StartAt": "Try", "States": {"Try": {"Type": "Fail", "Error": "Rain", "Cause": "it rains"}}}
PASSES = {"StartAt": "Try", "States": {"Try": {"Type": "Pass", "Result": {"secret": 7}, "End": True}}}


def run(client: Clients, eventually: Eventually, definition: dict[str, Any], **logging: Any) -> list[dict[str, Any]]:
    """The lines of one execution, which has ended."""
    name = f"machine-{uuid.uuid4().hex[:8]}"
    states, logs = client("stepfunctions"), client("logs")
    logs.create_log_group(logGroupName=f"/aws/vendedlogs/states/{name}")
    group = f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/{name}:*"
    machine = states.create_state_machine(
        name=name,
        definition=json.dumps(definition),
        roleArn=ROLE,
        loggingConfiguration={"destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}], **logging},
    )["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input='{"token": "x"}')["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
    found = logs.filter_log_events(logGroupName=f"/aws/vendedlogs/states/{name}")["events"]
    lines = [json.loads(event["message"]) for event in found]
    assert {line["execution_arn"] for line in lines} <= {arn}
    return lines


def test_all_of_it(client: Clients, eventually: Eventually) -> None:
    lines = run(client, eventually, PASSES, level="ALL", includeExecutionData=True)

    kinds = [line["type"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("ExecutionStarted", "ExecutionSucceeded")
    assert "PassStateEntered" in kinds
    assert [line["id"] for line in lines] == [str(number) for number in range(1, len(lines) + 1)]
    assert any("token" in json.dumps(line["details"]) for line in lines)


def test_data_are_left_out_unless_they_are_asked_for(client: Clients, eventually: Eventually) -> None:
    lines = run(client, eventually, PASSES, level="ALL", includeExecutionData=False)

    assert lines
    assert not [line for line in lines if "token" in json.dumps(line) or "secret" in json.dumps(line)]


@pytest.mark.parametrize("level", ["ERROR", "FATAL"])
def test_only_what_went_wrong(client: Clients, eventually: Eventually, level: str) -> None:
    assert [line["type"] for line in run(client, eventually, FAILS, level=level)] == ["ExecutionFailed"]
    assert run(client, eventually, PASSES, level=level) == []


def test_nothing_where_it_is_off(client: Clients, eventually: Eventually) -> None:
    assert run(client, eventually, FAILS, level="OFF") == []
