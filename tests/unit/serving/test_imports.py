"""What answering a request loads: start-up time is what a waiting passenger sees."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIST_MODULES = "import sys, {modules}; print(*{{name.partition('.')[0] for name in sys.modules}})"
TABLES_AND_TREES = {"pandas", "pyarrow", "lightgbm", "sklearn", "scipy"}
AWS = {"boto3", "botocore"}


def load(modules: str) -> set[str]:
    """The packages that a fresh interpreter holds after importing these modules."""
    command = [sys.executable, "-c", LIST_MODULES.format(modules=modules)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param("noriba.serving.requests, noriba.serving.answers, noriba.serving.openapi", id="serving"),
        pytest.param("usecases.taxi_eta, noriba.records.inference", id="the use case"),
    ],
)
def test_converting_a_request_needs_neither_tables_nor_trees_nor_aws(modules: str) -> None:
    loaded = load(modules)

    assert "pydantic" in loaded
    assert loaded.isdisjoint(TABLES_AND_TREES | AWS)


def test_asking_the_endpoint_needs_neither_tables_nor_trees() -> None:
    assert load("noriba.aws.endpoints, noriba.aws.clients").isdisjoint(TABLES_AND_TREES)


def test_the_predict_function_as_a_whole_needs_neither_tables_nor_trees() -> None:
    loaded = load("functions.predict.handler")

    assert {"aws_lambda_powertools", "botocore"} <= loaded
    assert loaded.isdisjoint(TABLES_AND_TREES)


def test_deciding_and_registering_need_no_aws() -> None:
    stages = "noriba.monitoring.retraining, noriba.registry.model_cards, noriba.rollout.golden, noriba.records.names"

    assert load(stages).isdisjoint(TABLES_AND_TREES | AWS)
