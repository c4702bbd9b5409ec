"""The real AWS CLI against the laptop's SageMaker: what an operator or an approver types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(cloud: Any) -> Any:
    """`aws("sagemaker", "list-models")`: what the command printed, as JSON."""

    def run(*words: str) -> Any:
        environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "AWS_PAGER": "", **cloud.environment}
        done = subprocess.run([AWS, *words], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    return run


def test_train_and_wait(aws: Any, training_request: Any, name: str) -> None:
    aws("sagemaker", "create-training-job", "--cli-input-json", json.dumps(training_request({"epochs": "3"})))

    aws("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name)

    job = aws("sagemaker", "describe-training-job", "--training-job-name", name)
    assert job["TrainingJobStatus"] == "Completed"


def test_approve_a_model(aws: Any, sagemaker: Any, image: str, name: str) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    inference = {"Containers": [{"Image": image}]}
    sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=inference)
    query = ("--query", "ModelPackageSummaryList[0].ModelPackageArn")

    arn = aws("sagemaker", "list-model-packages", "--model-package-group-name", name, *query)
    aws(
        *("sagemaker", "update-model-package", "--model-package-arn", arn),
        *("--model-approval-status", "Approved", "--approval-description", "better on every slice"),
    )

    package = aws("sagemaker", "describe-model-package", "--model-package-name", arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "better on every slice")


def test_call_an_endpoint(aws: Any, endpoint: str, tmp_path: Path) -> None:
    answer = aws(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint, "--content-type", "text/csv"),
        *("--body", "MSwyLDM=", str(tmp_path / "answer.json")),
    )

    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert json.loads((tmp_path / "answer.json").read_text())["model"] == "one"
