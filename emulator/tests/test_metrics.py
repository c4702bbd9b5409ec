"""What the services of the laptop cloud say about themselves in CloudWatch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually, Functions, Queue

ROLE = "arn:aws:iam::123456789012:role/laptop"


@pytest.fixture
def total(client: Clients) -> Callable[..., float | None]:
    """`total(namespace, metric, dimension=value)`: the sum of the last hour; None when nothing was recorded."""

    def add_up(namespace: str, metric: str, statistic: str = "Sum", **dimensions: str) -> float | None:
        now = datetime.now(UTC)
        answer = client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=7200,
            Statistics=[statistic],
        )
        return sum(point[statistic] for point in answer["Datapoints"]) if answer["Datapoints"] else None

    return add_up


@pytest.fixture
def run(client: Clients, name: str, eventually: Eventually) -> Callable[..., tuple[str, str]]:
    """`run(definition)`: an execution's final status, and its state machine's ARN."""

    def start(definition: dict[str, object]) -> tuple[str, str]:
        states = client("stepfunctions")
        arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]

        def status() -> str:
            current: str = states.describe_execution(executionArn=execution)["status"]
            return "" if current == "RUNNING" else current

        return eventually(status), arn

    return start


def test_executions_are_counted_by_state_machine(
    run: Callable[..., tuple[str, str]], total: Callable[..., float | None]
) -> None:
    status, arn = run({"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "E", "Cause": "C"}}})

    assert status == "FAILED"
    assert total("AWS/States", "ExecutionsStarted", StateMachineArn=arn) == 1
    assert total("AWS/States", "ExecutionsFailed", StateMachineArn=arn) == 1
    assert total("AWS/States", "ExecutionsSucceeded", StateMachineArn=arn) is None


def test_an_execution_that_takes_longer_than_its_state_machine_allows_stays_timed_out(
    client: Clients,
    function: Functions,
    name: str,
    run: Callable[..., tuple[str, str]],
    total: Callable[..., float | None],
    eventually: Eventually,
) -> None:
    late = function(
        "import time\n\ndef handler(event, context):\n    time.sleep(2.5)\n    raise ValueError\n", Timeout=10
    )
    call = {"Type": "Task", "Resource": late, "End": True}

    status, arn = run({"StartAt": "Call", "TimeoutSeconds": 1, "States": {"Call": call}})

    assert status == "TIMED_OUT"
    assert total("AWS/States", "ExecutionsTimedOut", StateMachineArn=arn) == 1
    eventually(lambda: total("AWS/Lambda", "Errors", FunctionName=f"{name}-function") == 1)
    executions = client("stepfunctions").list_executions(stateMachineArn=arn, statusFilter="TIMED_OUT")["executions"]
    assert len(executions) == 1
    assert total("AWS/States", "ExecutionsFailed", StateMachineArn=arn) is None


def test_a_function_that_a_state_machine_calls_is_counted_with_its_errors(
    function: Functions, name: str, run: Callable[..., tuple[str, str]], total: Callable[..., float | None]
) -> None:
    arn = function(
        "class RefusedObjectError(Exception): pass\n\ndef handler(event, context):\n    raise RefusedObjectError\n"
    )
    caught = {"ErrorEquals": ["RefusedObjectError"], "Next": "Fine"}
    call = {"Type": "Task", "Resource": arn, "Catch": [caught], "End": True}

    status, _ = run({"StartAt": "Call", "States": {"Call": call, "Fine": {"Type": "Succeed"}}})

    assert status == "SUCCEEDED"
    assert total("AWS/Lambda", "Invocations", FunctionName=f"{name}-function") == 1
    assert total("AWS/Lambda", "Errors", FunctionName=f"{name}-function") == 1


def test_messages_that_wait_are_counted_by_queue(
    client: Clients, queue: Queue, name: str, total: Callable[..., float | None], eventually: Eventually
) -> None:
    client("sqs").send_message(QueueUrl=queue.url, MessageBody="a")

    def is_counted() -> bool:
        return total("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=f"{name}-inbox") == 1

    eventually(is_counted)


def test_a_line_in_the_embedded_metric_format_is_a_metric(
    client: Clients, function: Functions, name: str, total: Callable[..., float | None]
) -> None:
    arn = function(
        """
import json
import time

def handler(event, context):
    print(json.dumps({
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [{
                "Namespace": event["namespace"],
                "Dimensions": [["service"], ["service", "zone"]],
                "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}],
            }],
        },
        "service": "predict",
        "zone": 7,
        "Latency": [10, 20],
    }))
"""
    )

    client("lambda").invoke(FunctionName=arn, Payload=json.dumps({"namespace": name}).encode())

    assert total(name, "Latency", service="predict") == 30
    assert total(name, "Latency", "SampleCount", service="predict", zone="7") == 2
