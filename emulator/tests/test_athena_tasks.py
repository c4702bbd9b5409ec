"""A state machine asks Athena, waits for the end of the query, and fails with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually

ROLE = "arn:aws:iam::123456789012:role/laptop"
SYNC = "arn:aws:states:::athena:startQueryExecution.sync"


@pytest.fixture
def run(client: Clients, name: str, eventually: Eventually) -> Callable[..., dict[str, Any]]:
    """An execution of one task, which has ended."""
    client("s3").create_bucket(Bucket=name)
    where = {"ResultConfiguration": {"OutputLocation": f"s3://{name}/results/"}}

    def execute(resource: str, **parameters: Any) -> dict[str, Any]:
        states = client("stepfunctions")
        task = {"Type": "Task", "Resource": resource, "Parameters": {**where, **parameters}, "End": True}
        definition = json.dumps({"StartAt": "Ask", "States": {"Ask": task}})
        machine = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
        arn = states.start_execution(stateMachineArn=machine)["executionArn"]
        eventually(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
        ended: dict[str, Any] = states.describe_execution(executionArn=arn)
        return ended

    return execute


def test_it_waits_for_the_answer_and_is_given_the_query_that_has_ended(
    client: Clients, run: Callable[..., dict[str, Any]]
) -> None:
    ended = run(SYNC, QueryString="SELECT 40 + ? AS answer", ExecutionParameters=["2"])

    assert ended["status"] == "SUCCEEDED"
    query = json.loads(ended["output"])["QueryExecution"]
    assert query["Status"]["State"] == "SUCCEEDED"
    answer = client("athena").get_query_results(QueryExecutionId=query["QueryExecutionId"])
    assert [row["Data"][0]["VarCharValue"] for row in answer["ResultSet"]["Rows"]] == ["answer", "42"]


def test_a_query_that_fails_fails_the_task_with_its_reason(run: Callable[..., dict[str, Any]]) -> None:
    ended = run(SYNC, QueryString="SELECT nonsense FROM nowhere")

    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(ended["cause"])["Status"]["StateChangeReason"]


def test_without_sync_it_does_not_wait(run: Callable[..., dict[str, Any]]) -> None:
    ended = run(SYNC.removesuffix(".sync"), QueryString="SELECT 1")

    assert json.loads(ended["output"]).keys() == {"QueryExecutionId"}


def test_what_step_functions_does_not_have_is_refused(run: Callable[..., dict[str, Any]]) -> None:
    ended = run("arn:aws:states:::athena:stopQueryExecution.sync", QueryExecutionId="q")

    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
