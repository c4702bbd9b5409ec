"""A state that waits with a task token: for as long as its input says, and no longer than its execution."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually

ROLE = "arn:aws:iam::123456789012:role/laptop"


def start(client: Clients, limit: dict[str, Any], given: dict[str, Any]) -> tuple[str, str]:
    """An execution that writes its token into a queue and waits; the execution and the queue."""
    name = f"waits-{uuid.uuid4().hex[:8]}"
    queue = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    definition = {
        "StartAt": "Wait",
        "States": {
            "Wait": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
                **limit,
                "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}],
                "End": True,
            },
            "Late": {"Type": "Pass", "Result": "late", "End": True},
        },
    }
    states = client("stepfunctions")
    machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    arn = machine["stateMachineArn"]
    return states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"], queue


def read_token(client: Clients, eventually: Eventually, queue: str) -> str:
    found = eventually(lambda: client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    token: str = json.loads(found[0]["Body"])["token"]
    return token


@pytest.mark.parametrize(
    ("limit", "given"),
    [({"TimeoutSecondsPath": "$.plan.limit_s"}, {"plan": {"limit_s": 20}}), ({"TimeoutSeconds": 20}, {})],
)
def test_its_timeout_passes_as_fast_as_a_wait(
    client: Clients, eventually: Eventually, limit: dict[str, Any], given: dict[str, Any]
) -> None:
    began = time.monotonic()
    execution, _queue = start(client, limit, given)
    states = client("stepfunctions")
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")

    assert states.describe_execution(executionArn=execution)["output"] == '"late"'
    assert time.monotonic() - began < 15


def test_an_answer_in_time_is_its_output(client: Clients, eventually: Eventually) -> None:
    execution, queue = start(client, {"TimeoutSecondsPath": "$.limit_s"}, {"limit_s": 3600})
    states = client("stepfunctions")
    states.send_task_success(taskToken=read_token(client, eventually, queue), output='{"decision": "promote"}')
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")

    assert json.loads(states.describe_execution(executionArn=execution)["output"]) == {"decision": "promote"}


@pytest.mark.parametrize("given", [{}, {"limit_s": 0}, {"limit_s": "soon"}])
def test_a_limit_that_is_no_number_of_seconds_fails_the_execution(
    client: Clients, eventually: Eventually, given: dict[str, Any]
) -> None:
    execution, _queue = start(client, {"TimeoutSecondsPath": "$.limit_s"}, given)
    states = client("stepfunctions")
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED")

    assert states.describe_execution(executionArn=execution)["error"] == "States.Runtime"


def test_a_stopped_execution_waits_no_more(client: Clients, eventually: Eventually) -> None:
    execution, queue = start(client, {}, {})
    token = read_token(client, eventually, queue)
    states = client("stepfunctions")
    states.stop_execution(executionArn=execution)

    def is_refused() -> bool:
        try:
            states.send_task_success(taskToken=token, output="{}")
        except states.exceptions.TaskDoesNotExist:
            return True
        return False

    eventually(is_refused)
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
