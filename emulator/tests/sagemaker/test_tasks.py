"""SageMaker in Step Functions."""

from __future__ import annotations

import json
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/states"


@pytest.fixture
def run(client: Any, name: str, eventually: Any) -> Any:
    """`run(resource, arguments)`: an execution of one Task state; its description when it has ended."""

    def execute(resource: str, arguments: dict[str, Any], **state: Any) -> dict[str, Any]:
        states = client("stepfunctions")
        task = {"Type": "Task", "Resource": resource, "Parameters": arguments, "End": True, **state}
        definition = {"StartAt": "Do", "States": {"Do": task, "Caught": {"Type": "Pass", "End": True}}}
        machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found: dict[str, Any] = eventually(ended, 20)
        return found

    return execute


def test_sync_waits_for_a_training_job_and_answers_its_description(run: Any, training_request: Any, name: str) -> None:
    execution = run("arn:aws:states:::sagemaker:createTrainingJob.sync", training_request({"epochs": "3"}))

    output = json.loads(execution["output"])
    assert (execution["status"], output["TrainingJobStatus"]) == ("SUCCEEDED", "Completed")
    assert output["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"{name}/output/model.tar.gz")
    assert isinstance(output["TrainingEndTime"], int)


def test_a_failed_job_fails_its_task_with_the_description_as_cause(run: Any, training_request: Any) -> None:
    request = training_request({"fail_with": "no luck"})

    execution = run("arn:aws:states:::sagemaker:createTrainingJob.sync", request)

    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution["cause"])["FailureReason"] == "AlgorithmError: no luck, exit code: 1"


def test_sync_waits_for_a_processing_job(run: Any, processing_request: Any, put: Any, name: str) -> None:
    execution = run(
        "arn:aws:states:::sagemaker:createProcessingJob.sync", processing_request(put(f"numbers/{name}", "1 2"))
    )

    assert json.loads(execution["output"])["ExitMessage"] == "added 2 numbers"


def test_sync_waits_for_a_transform_job(run: Any, transform_request: Any, put: Any, name: str) -> None:
    request = transform_request(put(f"rows/{name}.csv", "1"))

    execution = run("arn:aws:states:::sagemaker:createTransformJob.sync", request)

    assert json.loads(execution["output"])["TransformJobStatus"] == "Completed"


def test_without_sync_the_task_ends_at_once(run: Any, sagemaker: Any, training_request: Any, name: str) -> None:
    execution = run("arn:aws:states:::sagemaker:createTrainingJob", training_request({"run_s": "60"}))

    assert json.loads(execution["output"])["TrainingJobArn"].endswith(name)
    sagemaker.stop_training_job(TrainingJobName=name)


def test_a_stopped_execution_stops_its_job(
    client: Any, sagemaker: Any, training_request: Any, name: str, eventually: Any
) -> None:
    states = client("stepfunctions")
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    task = {"Type": "Task", "Resource": resource, "Parameters": training_request({"run_s": "60"}), "End": True}
    definition = json.dumps({"StartAt": "Do", "States": {"Do": task}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def status() -> str | None:
        found = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
        return found[0]["TrainingJobStatus"] if found else None

    eventually(lambda: status() == "InProgress")
    states.stop_execution(executionArn=execution)

    eventually(lambda: status() == "Stopped", 20)
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_errors_of_the_optimized_integration_are_named_as_aws_names_them(
    run: Any, train: Any, training_request: Any
) -> None:
    train()
    request = training_request()
    catch = [{"ErrorEquals": ["SageMaker.ResourceInUseException"], "Next": "Caught"}]

    taken = run("arn:aws:states:::sagemaker:createTrainingJob.sync", request, Catch=catch)

    assert taken["status"] == "SUCCEEDED"
    assert json.loads(taken["output"])["Error"] == "SageMaker.ResourceInUseException"


def test_other_errors_of_the_optimized_integration(run: Any) -> None:
    execution = run("arn:aws:states:::sagemaker:createEndpoint", {"EndpointName": "e", "EndpointConfigName": "none"})

    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert "Could not find endpoint configuration" in execution["cause"]


def test_endpoints_are_made_and_updated(
    run: Any, config: Any, settled: Any, ask: Any, sagemaker: Any, name: str
) -> None:
    made = run("arn:aws:states:::sagemaker:createEndpoint", {"EndpointName": name, "EndpointConfigName": config("one")})

    assert json.loads(made["output"])["EndpointArn"].endswith(name)
    settled(name)
    assert ask(name)["model"] == "one"
    sagemaker.delete_endpoint(EndpointName=name)


def test_the_sdk_integration_calls_every_operation(run: Any, endpoint: str) -> None:
    execution = run("arn:aws:states:::aws-sdk:sagemaker:describeEndpoint", {"EndpointName": endpoint})

    output = json.loads(execution["output"])
    assert (output["EndpointName"], output["EndpointStatus"]) == (endpoint, "InService")
    assert output["CreationTime"].endswith("Z")


def test_errors_of_the_sdk_integration(run: Any) -> None:
    execution = run("arn:aws:states:::aws-sdk:sagemaker:describeEndpoint", {"EndpointName": "nobody"})

    assert execution["error"] == "SageMaker.SageMakerException"
    assert "Could not find endpoint" in execution["cause"]


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:createModel.sync",
        "arn:aws:states:::sagemaker:createModelPackage",
        "arn:aws:states:::aws-sdk:sagemaker:createPipeline",
    ],
)
def test_what_is_not_there_fails_as_a_fault_of_the_state_machine(run: Any, resource: str) -> None:
    assert run(resource, {})["error"] == "States.Runtime"
