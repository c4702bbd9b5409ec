"""Asking an endpoint: the answer and who gave it, or one of three errors that say whose fault it was."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import boto3
import numpy as np
import pytest

from noriba.aws.clients import Clients
from noriba.aws.endpoints import (
    Endpoint,
    EndpointState,
    ModelRefusedError,
    ModelUnavailableError,
    NoModelError,
    describe_endpoint,
)
from noriba.features import Column, as_column
from noriba.records.inference import ModelAnswer, encode_columns
from tests.functions.fake_runtime import ConnectionLost, FakeRuntime, ModelFailure, serve_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = {"haversine_m@0123": as_column([100.0, np.nan]), "rain@4567": as_column([0.1 + 0.2, 1e-310])}
ANSWER = ModelAnswer((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), claimed_coverage=0.8, bundle_digest="abc")


@pytest.fixture
def runtime() -> Iterator[FakeRuntime]:
    with serve_runtime() as started:
        yield started


def connect(url: str, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
    session = boto3.Session("test", "test", region_name="ap-northeast-1")
    return Endpoint(Clients(session).sagemaker_runtime, "noriba-taxi-eta")


@pytest.fixture
def endpoint(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    return connect(runtime.url, monkeypatch)


def fail(status: int, message: str) -> ModelAnswer:
    raise ModelFailure(status, message)


def test_a_model_answers_and_says_which_version_it_is(endpoint: Endpoint, runtime: FakeRuntime) -> None:
    runtime.put("noriba-taxi-eta", lambda _: ANSWER, variant="v12")

    reply = endpoint.ask(encode_columns(COLUMNS), inference_id="prediction-1")

    assert reply.answer == ANSWER
    assert reply.model_version == 12


def test_columns_arrive_bit_for_bit_under_the_predictions_id(endpoint: Endpoint, runtime: FakeRuntime) -> None:
    runtime.put("noriba-taxi-eta", lambda _: ANSWER)

    endpoint.ask(encode_columns(COLUMNS), inference_id="prediction-1")

    (asked,) = runtime.invocations
    assert asked.inference_id == "prediction-1"
    assert {name: column.tobytes() for name, column in asked.columns.items()} == {
        name: column.tobytes() for name, column in COLUMNS.items()
    }


def test_without_an_endpoint_there_is_no_model(endpoint: Endpoint) -> None:
    with pytest.raises(NoModelError, match="Endpoint noriba-taxi-eta of account 123456789012 not found"):
        endpoint.ask(encode_columns(COLUMNS), inference_id="p")


def test_a_model_that_misses_its_columns_has_refused(endpoint: Endpoint, runtime: FakeRuntime) -> None:
    runtime.put("noriba-taxi-eta", lambda _: fail(400, "missing column haversine_m@9999"))

    with pytest.raises(ModelRefusedError, match="missing column haversine_m@9999"):
        endpoint.ask(encode_columns(COLUMNS), inference_id="p")


@pytest.mark.parametrize("status", [500, 503])
def test_a_model_that_fails_is_unavailable(endpoint: Endpoint, runtime: FakeRuntime, status: int) -> None:
    runtime.put("noriba-taxi-eta", lambda _: fail(status, "out of memory"))

    with pytest.raises(ModelUnavailableError, match="out of memory"):
        endpoint.ask(encode_columns(COLUMNS), inference_id="p")


def test_a_model_that_dies_while_it_answers_is_unavailable(endpoint: Endpoint, runtime: FakeRuntime) -> None:
    def die(_columns: Mapping[str, Column]) -> ModelAnswer:
        raise ConnectionLost

    runtime.put("noriba-taxi-eta", die)

    with pytest.raises(ModelUnavailableError, match="endpoint noriba-taxi-eta did not answer"):
        endpoint.ask(encode_columns(COLUMNS), inference_id="p")


def test_where_nobody_listens_the_model_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as reserved:  # bound, never listening
        reserved.bind(("127.0.0.1", 0))
        endpoint = connect(f"http://127.0.0.1:{reserved.getsockname()[1]}", monkeypatch)

        with pytest.raises(ModelUnavailableError, match="endpoint noriba-taxi-eta did not answer"):
            endpoint.ask(encode_columns(COLUMNS), inference_id="p")


def test_an_endpoint_that_is_not_there_has_no_state(clients: Clients) -> None:
    assert describe_endpoint(clients.sagemaker, "noriba-taxi-eta") is None


def test_an_endpoint_says_how_it_is_and_which_version_answers(clients: Clients) -> None:
    clients.sagemaker.create_model(
        ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/x", PrimaryContainer={"Image": "i"}
    )
    clients.sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {"VariantName": "v7", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    )
    clients.sagemaker.create_endpoint(EndpointName="noriba-taxi-eta", EndpointConfigName="c")

    assert describe_endpoint(clients.sagemaker, "noriba-taxi-eta") == EndpointState("InService", 7, "c")
