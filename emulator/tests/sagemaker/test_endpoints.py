"""Endpoints: real servers behind SageMaker's API, replaced without dropping a request."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

PING_FAILED = (
    "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
    "CloudWatch logs for this endpoint."
)


@pytest.fixture
def impatient(cloud: Any) -> Any:
    """A runtime client that takes every answer as it comes, without asking again."""
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=cloud.account,
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16),
    )


# --- serving ---------------------------------------------------------------------------------------------------------


def test_an_endpoint_answers_with_its_model(runtime: Any, endpoint: str) -> None:
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        Body=b"1,2,3",
        ContentType="text/csv",
        Accept="application/json",
        InferenceId="prediction-7",
        CustomAttributes="trace=1",
    )

    body = json.loads(answer["Body"].read())
    headers = {name.lower(): value for name, value in body["headers"].items()}
    assert (body["model"], body["got"]) == ("one", 5)
    assert headers["content-type"] == "text/csv"
    assert headers["accept"] == "application/json"
    assert headers["x-amzn-sagemaker-inference-id"] == "prediction-7"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["CustomAttributes"] == "from-the-model"


def test_it_describes_what_it_serves(sagemaker: Any, endpoint: str, image: str, log: Any) -> None:
    described = sagemaker.describe_endpoint(EndpointName=endpoint)

    (variant,) = described["ProductionVariants"]
    assert described["EndpointConfigName"] == f"{endpoint}-one"
    assert variant["DeployedImages"][0]["SpecifiedImage"] == image
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (1, 1.0)
    assert log(f"/aws/sagemaker/Endpoints/{endpoint}", "AllTraffic/") == ["serving one"]


def test_a_variant_may_be_asked_for_by_name(runtime: Any, endpoint: str) -> None:
    asked = {"EndpointName": endpoint, "Body": b"", "ContentType": "text/csv"}

    assert runtime.invoke_endpoint(**asked, TargetVariant="AllTraffic")["InvokedProductionVariant"] == "AllTraffic"
    with pytest.raises(runtime.exceptions.ValidationError, match="Variant Other"):
        runtime.invoke_endpoint(**asked, TargetVariant="Other")


def test_instances_share_the_requests(sagemaker: Any, config: Any, settled: Any, ask: Any, name: str) -> None:
    model = config("one")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 2,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-two", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-two")
    settled(name)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(name, sleep_s=0.1), range(8)))

    assert len({answer["pid"] for answer in answers}) == 2
    sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_that_is_not_there(runtime: Any, cloud: Any) -> None:
    with pytest.raises(
        runtime.exceptions.ValidationError, match=f"Endpoint nobody of account {cloud.account} not found"
    ):
        runtime.invoke_endpoint(EndpointName="nobody", Body=b"", ContentType="text/csv")


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (500, "server")])
def test_an_error_of_the_model_is_told_as_such(impatient: Any, endpoint: str, status: int, side: str) -> None:
    with pytest.raises(impatient.exceptions.ModelError) as failure:
        impatient.invoke_endpoint(
            EndpointName=endpoint, Body=json.dumps({"status": status}), ContentType="application/json"
        )

    answer = failure.value.response
    assert answer["OriginalStatusCode"] == status
    assert answer["OriginalMessage"] == "the model says no"
    assert f"log-group:/aws/sagemaker/Endpoints/{endpoint}" in answer["LogStreamArn"]
    assert f"Received {side} error ({status}) from primary" in answer["Message"]


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_variant_with_their_errors(
    client: Any, impatient: Any, endpoint: str, ask: Any
) -> None:
    """As an alarm on a failing or slow model needs them."""
    ask(endpoint)
    for status in (400, 500):
        with pytest.raises(impatient.exceptions.ModelError):
            impatient.invoke_endpoint(
                EndpointName=endpoint, Body=json.dumps({"status": status}), ContentType="application/json"
            )

    def total(metric: str, statistic: str = "Sum") -> float:
        now = datetime.now(UTC)
        answer = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=7200,
            Statistics=[statistic],
        )
        return float(sum(point[statistic] for point in answer["Datapoints"]))

    assert total("Invocations") == 3
    assert total("Invocation4XXErrors") == 1
    assert total("Invocation5XXErrors") == 1
    assert total("ModelLatency", "SampleCount") == 3
    assert total("ModelLatency", "Maximum") > 1, "in microseconds"


# --- crashing --------------------------------------------------------------------------------------------------------


def test_a_server_that_crashes_is_started_again(impatient: Any, endpoint: str, ask: Any, eventually: Any) -> None:
    first = ask(endpoint)["pid"]

    with pytest.raises(impatient.exceptions.ServiceUnavailable):
        impatient.invoke_endpoint(EndpointName=endpoint, Body=b'{"crash": 1}', ContentType="application/json")

    def answers() -> dict[str, Any] | None:
        try:
            return json.loads(  # type: ignore[no-any-return]
                impatient.invoke_endpoint(EndpointName=endpoint, Body=b"{}", ContentType="application/json")[
                    "Body"
                ].read()
            )
        except impatient.exceptions.ServiceUnavailable:
            return None

    assert eventually(answers)["pid"] != first


def test_an_endpoint_whose_server_does_not_start_fails_in_sagemakers_words(
    sagemaker: Any, config: Any, settled: Any, runtime: Any, name: str
) -> None:
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config("bad", broken=True))

    described = settled(name)

    assert (described["EndpointStatus"], described["FailureReason"]) == ("Failed", PING_FAILED)
    with pytest.raises(runtime.exceptions.ValidationError):
        runtime.invoke_endpoint(EndpointName=name, Body=b"", ContentType="text/csv")
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_configuration_is_described_with_its_defaults(sagemaker: Any, config: Any, name: str) -> None:
    model = config("one")
    variant = {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large"}
    limited = {**variant, "ContainerStartupHealthCheckTimeoutInSeconds": 60}
    sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-limited", ProductionVariants=[limited])

    assert sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-limited")["ProductionVariants"][0] == {
        **limited,
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }


# --- updating --------------------------------------------------------------------------------------------------------


def test_not_one_request_is_dropped_by_an_update(
    sagemaker: Any, endpoint: str, config: Any, settled: Any, impatient: Any
) -> None:
    over = threading.Event()

    def call_until_over() -> list[str]:
        models = []
        while not over.is_set():
            answer = impatient.invoke_endpoint(
                EndpointName=endpoint, Body=b'{"sleep_s": 0.01}', ContentType="application/json"
            )
            models.append(json.loads(answer["Body"].read())["model"])
        return models

    with ThreadPoolExecutor(12) as pool:
        callers = [pool.submit(call_until_over) for _ in range(12)]
        try:
            for model in ("two", "three"):
                sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config(model))
                assert settled(endpoint)["EndpointConfigName"] == f"{endpoint}-{model}"
            time.sleep(0.5)
        finally:
            over.set()
        # An error in any call is raised here.
        answers = [model for caller in callers for model in caller.result()]

    assert set(answers) == {"one", "two", "three"}
    assert len(answers) > 100


def test_a_request_in_flight_is_answered_by_the_server_that_has_it(
    sagemaker: Any, endpoint: str, config: Any, settled: Any, ask: Any
) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, endpoint, sleep_s=1.5)
        time.sleep(0.1)
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config("two"))
        settled(endpoint)

        assert not slow.done()
        assert ask(endpoint)["model"] == "two"
        assert slow.result()["model"] == "one"


def test_an_update_that_fails_leaves_the_old_model_in_service(
    sagemaker: Any, endpoint: str, config: Any, settled: Any, ask: Any
) -> None:
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config("bad", broken=True))

    updating = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert updating["EndpointStatus"] == "Updating"
    assert updating["EndpointConfigName"] == f"{endpoint}-one"
    assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == f"{endpoint}-bad"
    assert ask(endpoint)["model"] == "one"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName=endpoint)

    described = settled(endpoint)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == f"{endpoint}-one"
    assert described["FailureReason"] == PING_FAILED
    assert "PendingDeploymentSummary" not in described
    assert ask(endpoint)["model"] == "one"


def test_old_servers_are_ended(
    sagemaker: Any, endpoint: str, config: Any, settled: Any, ask: Any, eventually: Any, is_running: Any
) -> None:
    first = ask(endpoint)["pid"]

    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config("two"))
    settled(endpoint)

    eventually(lambda: not is_running(first))


# --- the rest of an endpoint's life ----------------------------------------------------------------------------------


def test_a_deleted_endpoint_is_gone_with_its_server(
    sagemaker: Any, config: Any, settled: Any, ask: Any, name: str, eventually: Any, is_running: Any
) -> None:
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config("one"))
    settled(name)
    server = ask(name)["pid"]

    sagemaker.delete_endpoint(EndpointName=name)

    eventually(lambda: not is_running(server))
    eventually(lambda: not sagemaker.list_endpoints(NameContains=name)["Endpoints"])
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName=name)


def test_every_change_of_state_is_an_event(sagemaker: Any, config: Any, settled: Any, watch: Any, name: str) -> None:
    queue = watch({"source": ["aws.sagemaker"], "detail": {"EndpointName": [name]}})

    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config("one"))
    settled(name)
    sagemaker.delete_endpoint(EndpointName=name)

    seen = sorted((queue.receive_json() for _ in range(3)), key=lambda event: event["detail"]["LastModifiedTime"])
    assert [event["detail"]["EndpointStatus"] for event in seen] == ["CREATING", "IN_SERVICE", "DELETING"]
    assert {event["detail-type"] for event in seen} == {"SageMaker Endpoint State Change"}
    assert seen[1]["detail"]["EndpointConfigName"] == f"{name}-one"


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        (
            {"ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {}}}}},
            "ExplainerConfig",
        ),
        (
            {"ProductionVariants": [{"VariantName": "a", "ServerlessConfig": {"MemorySizeInMB": 1024}}]},
            "ServerlessConfig",
        ),
    ],
)
def test_what_the_laptop_cannot_serve_is_refused(
    sagemaker: Any, config: Any, name: str, changes: Any, member: str
) -> None:
    model = config("one")
    fill = {"ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    variants = [{"VariantName": "AllTraffic", **fill}]
    request = {"EndpointConfigName": f"{name}-refused", "ProductionVariants": variants, **changes}
    for one in request["ProductionVariants"]:
        if "ServerlessConfig" in one:
            one["ServerlessConfig"] |= {"MaxConcurrency": 1}
            one["ModelName"] = model
        else:
            one.update(fill)

    with pytest.raises(ClientError, match=member) as refusal:
        sagemaker.create_endpoint_config(**request)
    assert refusal.value.response["Error"]["Code"] == "UnsupportedOperation"


def test_a_model_must_have_its_image_and_its_data(sagemaker: Any, image: str, bucket: str, name: str) -> None:
    role = "arn:aws:iam::123456789012:role/sagemaker"
    data = f"s3://{bucket}/no-such-model.tar.gz"

    with pytest.raises(ClientError, match="Could not find model data"):
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image, "ModelDataUrl": data}
        )
    with pytest.raises(ClientError, match=r"Requested image .* not found: .*synthesize"):
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image + "0"})


def test_names_are_taken_once(sagemaker: Any, config: Any, name: str) -> None:
    taken = config("one")

    variant = {"VariantName": "a", "ModelName": taken, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        sagemaker.create_endpoint_config(EndpointConfigName=taken, ProductionVariants=[variant])
    sagemaker.delete_endpoint_config(EndpointConfigName=taken)
    sagemaker.create_endpoint_config(EndpointConfigName=taken, ProductionVariants=[variant])
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="nothing")
