"""A deployment whose code cannot ask the models in production is undone before an app meets it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from moto.cloudformation.models import cloudformation_backends

from functions.check_live_models.handler import handler as check_live_models
from noriba.aws.live_models import FeatureArchive
from noriba.features import FeatureSet
from noriba.features.frozen import freeze_features
from noriba.records.inference import ModelAnswer, Refusal, encode_refusal
from noriba.usecase import load_use_case
from tests.functions.conftest import REGION, Cloud, read_event
from tests.functions.fake_runtime import ModelFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.features import Column

USE_CASE = load_use_case("taxi_eta")
ENDPOINT = "noriba-taxi-eta"


def north(origin_latitude: Column) -> Column:
    return origin_latitude


def tolls(tolls_paid: Column) -> Column:
    return tolls_paid


def answer_in(features: FeatureSet) -> Any:
    """A model that reads these features and no others."""

    def predict(columns: Mapping[str, Column]) -> ModelAnswer:
        if not set(features.identities) <= set(columns):
            refusal = Refusal("the model needs others", features.fingerprint)
            raise ModelFailure(424, encode_refusal(refusal).decode())
        ones = tuple(np.ones(len(columns[features.identities[0]])).tolist())
        return ModelAnswer(ones, ones, ones, 0.8, "abc")

    return predict


@contextmanager
def listen() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where CloudFormation waits for answers, and the answers."""
    answers: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/answer?signature=x", answers
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def stack(account: Cloud) -> Iterator[Stack]:
    """The serving stack, in the middle of an update."""
    cloudformation = account.clients.cloudformation
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    identity = cloudformation.create_stack(StackName="noriba-serving", TemplateBody=template)["StackId"]
    made = Stack(identity)
    made.move_to("UPDATE_IN_PROGRESS")
    yield made
    cloudformation.delete_stack(StackName=identity)


@dataclass(frozen=True)
class Stack:
    """A stack whose status the test decides: moto's stacks have arrived as soon as they set out."""

    identity: str

    def move_to(self, status: str) -> None:
        _, _, _, region, account, _ = self.identity.split(":", 5)
        cloudformation_backends[account][region].stacks[self.identity].status = status


def deploy(context: LambdaContext, stack: Stack, request: str = "Update") -> dict[str, Any]:
    event = read_event("cloudformation_custom_resource") | {"RequestType": request, "StackId": stack.identity}
    with listen() as (url, answers):
        check_live_models(event | {"ResponseURL": url}, context)
    (answer,) = answers
    assert {name: answer[name] for name in ("StackId", "RequestId", "LogicalResourceId")} == {
        name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")
    }
    assert answer["PhysicalResourceId"] == "live-models"
    return answer


@pytest.mark.usefixtures("cloud")
def test_before_the_first_model_anything_may_be_deployed(context: LambdaContext, stack: Stack) -> None:
    assert deploy(context, stack, "Create")["Status"] == "SUCCESS"


def test_a_model_of_today_s_features_is_asked_its_golden_requests(
    cloud: Cloud, context: LambdaContext, stack: Stack
) -> None:
    cloud.runtime.put(ENDPOINT, answer_in(USE_CASE.features))

    assert deploy(context, stack)["Status"] == "SUCCESS"
    assert len(cloud.runtime.invocations) == len(USE_CASE.golden_requests)


def test_a_model_of_edited_features_can_be_asked_in_those_it_learned(
    cloud: Cloud, context: LambdaContext, stack: Stack
) -> None:
    learned = FeatureSet([north], inputs=["origin_latitude"])
    FeatureArchive(cloud.store("models")).keep(freeze_features(learned).encode())
    cloud.runtime.put(ENDPOINT, answer_in(learned))

    assert deploy(context, stack)["Status"] == "SUCCESS"


def test_code_that_no_longer_reads_an_input_of_a_live_model_is_refused_with_the_remedy(
    cloud: Cloud, context: LambdaContext, stack: Stack
) -> None:
    learned = FeatureSet([tolls], inputs=["tolls_paid"])
    FeatureArchive(cloud.store("models")).keep(freeze_features(learned).encode())
    cloud.runtime.put(ENDPOINT, answer_in(learned))

    answer = deploy(context, stack)

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("taxi_eta: the model in production could not be asked any more: ")
    assert "missing input column tolls_paid" in answer["Reason"]
    assert "Keep the inputs that its features read until a model trained on the new ones" in answer["Reason"]


def test_a_model_whose_definitions_nobody_kept_is_a_reason_to_refuse(
    cloud: Cloud, context: LambdaContext, stack: Stack
) -> None:
    cloud.runtime.put(ENDPOINT, answer_in(FeatureSet([north], inputs=["origin_latitude"])))

    assert deploy(context, stack)["Status"] == "FAILED"


def test_a_model_that_is_down_keeps_no_code_away(cloud: Cloud, context: LambdaContext, stack: Stack) -> None:
    def fail(_columns: Mapping[str, Column]) -> ModelAnswer:
        raise ModelFailure(500, "out of memory")

    cloud.runtime.put(ENDPOINT, fail)

    assert deploy(context, stack)["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    "status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"]
)
def test_the_way_back_from_a_deployment_is_never_refused(
    cloud: Cloud, context: LambdaContext, stack: Stack, status: str
) -> None:
    cloud.runtime.put(ENDPOINT, answer_in(FeatureSet([north], inputs=["origin_latitude"])))
    assert deploy(context, stack)["Status"] == "FAILED"
    cloud.runtime.invocations.clear()

    stack.move_to(status)

    assert deploy(context, stack)["Status"] == "SUCCESS"
    assert cloud.runtime.invocations == []


def test_code_that_fails_on_a_golden_request_is_refused(
    cloud: Cloud, context: LambdaContext, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divide(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    cloud.runtime.put(ENDPOINT, answer_in(USE_CASE.features))
    monkeypatch.setattr("noriba.aws.live_models.convert_request", divide)

    answer = deploy(context, stack)

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].endswith(
        ": the model in production could not be asked: ZeroDivisionError('division by zero')"
    )


def test_a_fault_of_aws_is_no_refusal_and_is_left_to_lambda_s_own_retries(
    cloud: Cloud, context: LambdaContext, stack: Stack
) -> None:
    cloud.runtime.put(ENDPOINT, answer_in(FeatureSet([north], inputs=["origin_latitude"])))
    gone = cloud.clients.s3
    gone.delete_bucket(Bucket="models")
    event = read_event("cloudformation_custom_resource") | {"StackId": stack.identity}
    try:
        with listen() as (url, answers), pytest.raises(ClientError, match="NoSuchBucket"):
            check_live_models(event | {"ResponseURL": url}, context)
    finally:
        gone.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})

    assert answers == []


def test_tear_down_is_never_refused(cloud: Cloud, context: LambdaContext, stack: Stack) -> None:
    cloud.runtime.put(ENDPOINT, answer_in(FeatureSet([north], inputs=["origin_latitude"])))

    assert deploy(context, stack, "Delete")["Status"] == "SUCCESS"
    assert cloud.runtime.invocations == []
