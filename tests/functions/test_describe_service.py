"""What the API says of itself."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jsonschema
import openapi_spec_validator
import pytest
from botocore.stub import Stubber

from functions.describe_service.handler import BELIEVED_S, FRESH_S, known, load_dependencies, recall_model
from functions.describe_service.handler import handler as describe_service
from tests.functions.conftest import Cloud, read_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Every test is a new instance of the function."""
    known.clear()
    yield
    known.clear()


HEALTH, OPENAPI = read_event("api_health"), read_event("api_openapi")


def describe(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answered = describe_service(event, context)
    assert answered["statusCode"] == 200
    document: dict[str, Any] = json.loads(answered["body"])
    return document


def describe_taxis(context: LambdaContext) -> dict[str, Any]:
    """The health of one use case, whatever others are installed."""
    health = describe(HEALTH, context)
    assert health["status"] == "ok"
    (found,) = (one for one in health["use_cases"] if one["use_case"] == "taxi_eta")
    return dict(found)


def find_refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == "$ref")
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from find_refs(item)


@pytest.mark.usefixtures("cloud")
def test_before_the_first_rollout_the_api_answers_and_has_no_model(context: LambdaContext) -> None:
    assert describe_taxis(context) == {"use_case": "taxi_eta", "status": "NoModel", "model_version": None}


def test_health_says_which_version_answers_in_production(cloud: Cloud, context: LambdaContext) -> None:
    sagemaker = cloud.clients.sagemaker
    sagemaker.create_model(
        ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/x", PrimaryContainer={"Image": "i"}
    )
    variant = {"VariantName": "v4", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])  # type: ignore[list-item]
    sagemaker.create_endpoint(EndpointName="noriba-taxi-eta", EndpointConfigName="c")

    health = describe(HEALTH, context)
    sagemaker.delete_endpoint(EndpointName="noriba-taxi-eta")

    assert {"use_case": "taxi_eta", "status": "InService", "model_version": 4} in health["use_cases"]
    api = describe(OPENAPI, context)
    described = api["paths"]["/v1/health"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(health, {**described, "components": api["components"]})


@pytest.mark.usefixtures("cloud")
def test_the_api_describes_itself_in_openapi(context: LambdaContext) -> None:
    document = describe(OPENAPI, context)

    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")
    assert {"/v1/health", "/v1/openapi.json"} < set(document["paths"])
    assert {"/v1/taxi_eta/predictions", "/v1/taxi_eta/outcomes"} < set(document["paths"])
    assert all(
        ref.removeprefix("#/components/schemas/") in document["components"]["schemas"] for ref in find_refs(document)
    )


def serve(cloud: Cloud, version: int) -> None:
    """An endpoint with a model of that version."""
    sagemaker = cloud.clients.sagemaker
    role = "arn:aws:iam::123456789012:role/x"
    sagemaker.create_model(ModelName=f"m{version}", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant = {"VariantName": f"v{version}", "ModelName": f"m{version}", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"c{version}",
        ProductionVariants=[{**variant, "InitialInstanceCount": 1}],  # type: ignore[list-item]
    )
    sagemaker.create_endpoint(EndpointName="noriba-taxi-eta", EndpointConfigName=f"c{version}")


def test_sagemaker_is_asked_every_half_minute_however_often_the_health_is(cloud: Cloud) -> None:
    serve(cloud, 8)
    first = recall_model("taxi_eta", now_s=0)
    cloud.clients.sagemaker.delete_endpoint(EndpointName="noriba-taxi-eta")

    within, after = (recall_model("taxi_eta", now_s=now_s) for now_s in (FRESH_S - 0.1, FRESH_S))

    assert (first.status, within.status, after.status) == ("InService", "InService", "NoModel")


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure"])
def test_a_sagemaker_that_does_not_say_is_no_bad_health(cloud: Cloud, context: LambdaContext, code: str) -> None:
    """Whoever asks often enough could otherwise turn the API's health into 502."""
    serve(cloud, 9)
    recall_model("taxi_eta", now_s=0)

    with refuse(cloud, code):
        remembered = recall_model("taxi_eta", now_s=FRESH_S)
        known.clear()
        unknown = describe_taxis(context)
    cloud.clients.sagemaker.delete_endpoint(EndpointName="noriba-taxi-eta")

    assert (remembered.status, remembered.model_version) == ("InService", 9)
    assert unknown == {"use_case": "taxi_eta", "status": "Unknown", "model_version": None}


def test_what_nobody_confirms_is_not_believed_for_ever(cloud: Cloud) -> None:
    serve(cloud, 7)
    recall_model("taxi_eta", now_s=0)

    with refuse(cloud, "ThrottlingException"):
        before, after = (recall_model("taxi_eta", now_s=now_s).status for now_s in (BELIEVED_S - 1, 2 * BELIEVED_S))
    again = recall_model("taxi_eta", now_s=2 * BELIEVED_S + FRESH_S).status
    cloud.clients.sagemaker.delete_endpoint(EndpointName="noriba-taxi-eta")

    assert (before, after, again) == ("InService", "Unknown", "InService")


@contextmanager
def refuse(cloud: Cloud, code: str) -> Iterator[None]:
    """The account's SageMaker, answering every DescribeEndpoint of the function with an error."""
    _settings, clients = load_dependencies()
    assert cloud
    with Stubber(clients.sagemaker) as stubber:
        for _ in range(2):
            stubber.add_client_error("describe_endpoint", code, "Rate exceeded", http_status_code=400)
        yield
