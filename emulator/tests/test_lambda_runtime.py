"""Python functions behave here as they do in Lambda."""

from __future__ import annotations

import base64
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from laptop_cloud.extensions.lambda_code import CodeStore
from laptop_cloud.extensions.lambda_runtime import PythonWorker

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually, Functions, Zip
    from laptop_cloud.process import RunningCloud


def invoke(client: Clients, arn: str, event: Any = None, **settings: Any) -> Any:
    answer = client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event).encode(), **settings)
    payload = answer["Payload"].read()
    return answer, json.loads(payload) if payload else None


def test_a_handler_is_given_the_event_and_a_context(client: Clients, function: Functions) -> None:
    arn = function(
        """
def handler(event, context):
    return {
        "event": event,
        "arn": context.invoked_function_arn,
        "id": bool(context.aws_request_id),
        "left_ms": context.get_remaining_time_in_millis(),
    }
""",
        Timeout=7,
    )

    _, result = invoke(client, arn, {"a": [1, None, "ö"]})

    assert result["event"] == {"a": [1, None, "ö"]}
    assert result["arn"] == arn
    assert result["id"]
    assert 6000 < result["left_ms"] <= 7000


def test_a_failure_has_the_name_of_its_exception(client: Clients, function: Functions) -> None:
    arn = function(
        """
class RefusedTripError(Exception):
    pass

def handler(event, context):
    raise RefusedTripError("no such zone")
"""
    )

    answer, error = invoke(client, arn)

    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "RefusedTripError"
    assert error["errorMessage"] == "no such zone"
    assert 'raise RefusedTripError("no such zone")' in error["stackTrace"][-1]
    assert "lambda_bootstrap" not in "".join(error["stackTrace"])


def test_an_environment_survives_an_error_and_keeps_its_state(client: Clients, function: Functions) -> None:
    arn = function(
        """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event == "fail":
        raise ValueError
    return calls
"""
    )

    assert [invoke(client, arn, event)[1] for event in (None, None)] == [1, 2]
    assert invoke(client, arn, "fail")[1]["errorType"] == "ValueError"
    assert invoke(client, arn)[1] == 4


def test_a_function_sees_what_lambda_brings_and_nothing_of_this_project(client: Clients, function: Functions) -> None:
    arn = function(
        """
import importlib.util
import os

def handler(event, context):
    found = {name: importlib.util.find_spec(name) is not None for name in event}
    return found, dict(os.environ)
""",
        Environment={"Variables": {"USE_CASE": "taxi_eta"}},
    )

    _, (found, environment) = invoke(client, arn, ["boto3", "urllib3", "dateutil", "pydantic", "laptop_cloud", "pip"])

    assert found == {
        "boto3": True,
        "urllib3": True,
        "dateutil": True,
        "pydantic": False,
        "laptop_cloud": False,
        "pip": False,
    }
    assert environment["USE_CASE"] == "taxi_eta"
    assert environment["TZ"] == ":UTC"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.14"
    assert "VIRTUAL_ENV" not in environment
    assert "GATEWAY_PORT" not in environment


def test_a_forgotten_dependency_fails_as_on_aws(client: Clients, function: Functions) -> None:
    arn = function("import pydantic\n\ndef handler(event, context):\n    pass\n")

    _, error = invoke(client, arn)

    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'pydantic'"


def test_a_function_calls_aws_without_any_settings(client: Clients, function: Functions, cloud: RunningCloud) -> None:
    arn = function(
        """
import boto3

def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Account"]
""",
        Timeout=30,
    )

    assert invoke(client, arn)[1] == cloud.account


def test_a_function_that_takes_too_long_is_ended(client: Clients, function: Functions) -> None:
    arn = function("import time\n\ndef handler(event, context):\n    time.sleep(event)\n    return 1\n", Timeout=1)

    _, error = invoke(client, arn, 5)

    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]
    assert invoke(client, arn, 0)[1] == 1


def test_a_function_that_exits_is_told_so(client: Clients, function: Functions) -> None:
    arn = function("import os\n\ndef handler(event, context):\n    os._exit(3)\n")

    assert invoke(client, arn)[1]["errorType"] == "Runtime.ExitError"


def test_what_cannot_be_json_is_told_so(client: Clients, function: Functions) -> None:
    arn = function("def handler(event, context):\n    return {1, 2}\n")

    assert invoke(client, arn)[1]["errorType"] == "Runtime.MarshalError"


def test_prints_and_logs_are_one_stream_for_an_environment(client: Clients, function: Functions, name: str) -> None:
    arn = function(
        """
import logging

def handler(event, context):
    print("printed", event)
    logging.getLogger("noriba").warning("logged %s", event)
"""
    )

    first, _ = invoke(client, arn, 1, LogType="Tail")
    invoke(client, arn, 2)

    tail = base64.b64decode(first["LogResult"]).decode()
    assert "START RequestId" in tail
    assert "Init Duration" in tail
    streams = client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}-function")["logStreams"]
    assert len(streams) == 1
    events = client("logs").get_log_events(
        logGroupName=f"/aws/lambda/{name}-function", logStreamName=streams[0]["logStreamName"]
    )["events"]
    messages = [event["message"] for event in events]
    assert [message for message in messages if message.startswith("printed")] == ["printed 1", "printed 2"]
    assert any(message.startswith("[WARNING]") and message.endswith("logged 2") for message in messages)
    assert sum(message.startswith("REPORT") for message in messages) == 2


def test_new_code_takes_over(client: Clients, function: Functions, zipped: Zip) -> None:
    arn = function("def handler(event, context):\n    return 'old'\n")
    assert invoke(client, arn)[1] == "old"

    client("lambda").update_function_code(
        FunctionName=arn, ZipFile=zipped({"app.py": "def handler(event, context):\n    return 'new'\n"})
    )

    assert invoke(client, arn)[1] == "new"


def test_a_published_version_with_a_snapshot_is_ready_before_its_first_call(
    client: Clients, function: Functions, eventually: Eventually
) -> None:
    arn = function(
        "import os\n\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n",
        SnapStart={"ApplyOn": "PublishedVersions"},
    )
    version = client("lambda").publish_version(FunctionName=arn)["Version"]

    def is_ready() -> bool:
        return client("lambda").get_function_configuration(FunctionName=arn, Qualifier=version)["State"] == "Active"  # type: ignore[no-any-return]

    eventually(is_ready)
    answer, result = invoke(client, f"{arn}:{version}", LogType="Tail")
    assert result == "snap-start"
    assert "Init Duration" not in base64.b64decode(answer["LogResult"]).decode()


def test_an_idle_process_is_ended_and_the_next_event_starts_another(tmp_path: Path, zipped: Zip) -> None:
    PythonWorker.store = CodeStore(tmp_path / "functions", tmp_path / "wheels")
    PythonWorker.endpoint_url = "http://127.0.0.1:1"
    config = {
        "FunctionName": "f",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "Runtime": "python3.14",
        "Handler": "app.handler",
        "Timeout": 5,
    }
    source = "import os\n\ndef handler(event, context):\n    return os.getpid()\n"
    worker = PythonWorker("f", config, zipped({"app.py": source}))
    first = worker.invoke(None, "1")["result"]
    PythonWorker.end_idle()
    assert worker.invoke(None, "2")["result"] == first

    worker.last_used = time.time() - 600
    PythonWorker.end_idle()

    assert not worker.environment.is_running()  # type: ignore[union-attr]
    assert worker.invoke(None, "3")["result"] != first
    worker.kill()


def test_many_events_at_once_share_a_few_environments(client: Clients, function: Functions) -> None:
    arn = function("import os, time\n\ndef handler(event, context):\n    time.sleep(0.1)\n    return os.getpid()\n")
    client("lambda")

    with ThreadPoolExecutor(16) as callers:
        processes = list(callers.map(lambda n: invoke(client, arn, n)[1], range(16)))

    assert len(processes) == 16
    assert 1 < len(set(processes)) <= max(4, 2 * (os.cpu_count() or 1))


def test_short_events_at_once_share_one_environment(client: Clients, function: Functions) -> None:
    arn = function("import os\n\ndef handler(event, context):\n    return os.getpid()\n")
    invoke(client, arn)

    with ThreadPoolExecutor(16) as threads:
        answers = [result for _, result in threads.map(lambda _: invoke(client, arn), range(32))]

    assert len(set(answers)) == 1


@pytest.mark.parametrize(
    ("event", "less_urgent"),
    [({"detail-type": "ModelApproved"}, 10), ({"requestContext": {"requestId": "1"}, "body": "{}"}, 0)],
    ids=["an event", "a request of an API"],
)
def test_what_nobody_waits_for_gives_way_to_requests(
    client: Clients, function: Functions, event: dict[str, Any], less_urgent: int
) -> None:
    arn = function("import os\n\ndef handler(event, context):\n    return os.nice(0)\n")

    assert invoke(client, arn, event)[1] == os.nice(0) + less_urgent


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="sessions share processors on some Linux alone")
def test_its_session_gives_way_too(client: Clients, function: Functions) -> None:
    source = (
        "import pathlib\n\ndef handler(event, context):\n    return pathlib.Path('/proc/self/autogroup').read_text()\n"
    )

    assert str(invoke(client, function(source), {"detail-type": "ModelApproved"})[1]).split()[-2:] == ["nice", "10"]


def test_a_function_that_is_not_there_is_an_error(client: Clients) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client("lambda").invoke(FunctionName="no-such-function")
