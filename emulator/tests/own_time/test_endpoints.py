"""Endpoints by the cloud's own clock: servers tell it, captures lie in its folders, deployments bake by it."""

from __future__ import annotations

import io
import tarfile
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from laptop_cloud.driving import find_work, pass_time, wait_until_idle

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients
    from laptop_cloud.process import RunningCloud

ROLE = "arn:aws:iam::123456789012:role/laptop"
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}


@pytest.fixture
def endpoint(cloud: RunningCloud, client: Clients, image: str, name: str) -> Any:
    """An endpoint of two instances that captures all; its name, which is the bucket's, too."""
    client("s3").create_bucket(Bucket=name)
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w:gz").close()
    client("s3").put_object(Bucket=name, Key="model.tar.gz", Body=archive.getvalue())
    sagemaker = client("sagemaker")
    container = {"Image": image, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    for config in (name, f"{name}-next"):
        sagemaker.create_endpoint_config(
            EndpointConfigName=config,
            ProductionVariants=[
                {"VariantName": "All", "ModelName": name, "InstanceType": "ml.c7i.large", "InitialInstanceCount": 2}
            ],
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": f"s3://{name}/captured",
                "CaptureOptions": [{"CaptureMode": "Output"}],
            },
        )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_until_idle(cloud, limit_s=30)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    yield name
    wait_until_idle(cloud, limit_s=30)
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_server_tells_it_and_what_is_captured_lies_in_its_hour(
    cloud: RunningCloud, client: Clients, endpoint: str, now: Callable[[], datetime], move: Callable[..., Any]
) -> None:
    move(days=3)

    answer = client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"{}")["Body"].read().decode()
    wait_until_idle(cloud, limit_s=10)

    assert abs(datetime.fromisoformat(answer) - now()) < timedelta(minutes=1)
    [captured] = client("s3").list_objects_v2(Bucket=endpoint, Prefix="captured/")["Contents"]
    assert captured["Key"].startswith(f"captured/{endpoint}/All/{datetime.fromisoformat(answer):%Y/%m/%d/%H}/")


def test_a_deployment_bakes_until_the_clock_says_so(
    cloud: RunningCloud, client: Clients, endpoint: str, now: Callable[[], datetime]
) -> None:
    sagemaker = client("sagemaker")
    shift = {"Type": "CANARY", "CanarySize": HALF, "WaitIntervalInSeconds": 1800}
    policy = {"TrafficRoutingConfiguration": shift, "MaximumExecutionTimeoutInSeconds": 7200}
    sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=f"{endpoint}-next",
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )
    assert find_work(cloud) == [f"endpoint {endpoint}"]
    wait_until_idle(cloud, limit_s=30)
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"

    pass_time(cloud, now() + timedelta(minutes=20), limit_s=30)
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"
    pass_time(cloud, now() + timedelta(minutes=11), limit_s=30)

    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", f"{endpoint}-next")
