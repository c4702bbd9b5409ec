"""Operations that fail on purpose, because somebody wants to know what a program makes of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from laptop_cloud.fault_injection import Fault, inject_faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from laptop_cloud.process import RunningCloud

THROTTLED = Fault(code="ThrottlingException", message="Rate exceeded", every=3, operations=("ListModels",))


@pytest.fixture(autouse=True)
def mend(cloud_state: Path) -> Iterator[None]:
    """The cloud is for all tests."""
    yield
    inject_faults(cloud_state, [])


@pytest.fixture
def impatient(cloud: RunningCloud) -> Any:
    """A client that asks once."""
    return boto3.client(
        "sagemaker",
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=cloud.account,
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def ask(sagemaker: Any) -> str:
    try:
        sagemaker.list_models()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return f"{status} {error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return "answered"


def test_every_third_call_of_an_operation_is_throttled_until_nobody_wants_it_any_more(
    cloud_state: Path, impatient: Any
) -> None:
    inject_faults(cloud_state, [THROTTLED])

    throttled = "400 ThrottlingException: Rate exceeded"
    assert [ask(impatient) for _ in range(6)] == ["answered", "answered", throttled] * 2
    # Another operation is not.
    for _ in range(3):
        impatient.list_endpoints()

    inject_faults(cloud_state, [])
    assert [ask(impatient) for _ in range(3)] == ["answered"] * 3


def test_states_are_told_of_it_under_the_name_that_step_functions_gives_it(
    cloud_state: Path, client: Any, name: str, eventually: Any
) -> None:
    inject_faults(cloud_state, [THROTTLED.model_copy(update={"every": 1})])
    states = client("stepfunctions")
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sagemaker:listModels", "End": True}
    definition = json.dumps({"StartAt": "List", "States": {"List": {**task, "Parameters": {}}}})
    role = "arn:aws:iam::123456789012:role/states"
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def ended() -> Any:
        found = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    found = eventually(ended)
    assert found["error"] == "SageMaker.SageMakerException"
    assert found["cause"] == ("Rate exceeded (Service: SageMaker, Status Code: 400, Error Code: ThrottlingException)")


def test_a_file_that_says_something_else_is_told_to_whoever_calls(cloud_state: Path, impatient: Any) -> None:
    (cloud_state / "sagemaker" / "faults.json").write_text('[{"code": "ThrottlingException", "every": 0}]')

    assert ask(impatient).startswith(f"500 InternalFailure: {cloud_state}/sagemaker/faults.json: ")
