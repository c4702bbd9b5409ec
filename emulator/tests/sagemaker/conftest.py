"""A tiny container, and short ways to train, process and serve with it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.sagemaker.conformance import Conformance

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.process import RunningCloud

CONTAINER = Path(__file__).parent / "container"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
TAG = "5a6e3aker"
VARIANT = "AllTraffic"


@pytest.fixture(scope="session")
def declare_image() -> Callable[[Path], None]:
    """`declare_image(assembly)`: let the container folder beside this file be an image of a CDK assembly."""

    def write_asset_manifest(assembly: Path) -> None:
        asset = {
            "source": {"directory": str(CONTAINER), "dockerFile": "Dockerfile"},
            "destinations": {"here": {"repositoryName": "container-assets", "imageTag": TAG}},
        }
        assembly.mkdir(exist_ok=True)
        (assembly / "Model.assets.json").write_text(json.dumps({"dockerImages": {TAG: asset}}))

    return write_asset_manifest


@pytest.fixture(scope="session")
def image(cloud: RunningCloud, assembly: Path, declare_image: Any) -> str:
    """The URI of that image in the session's cloud."""
    declare_image(assembly)
    return f"{cloud.account}.dkr.ecr.{cloud.region}.amazonaws.com/container-assets:{TAG}"


@pytest.fixture(scope="session")
def conformance() -> Conformance:
    """What has been answered as the service model says; an answer that is not fails the test that gets it."""
    return Conformance()


@pytest.fixture(scope="session")
def sagemaker(client: Any, conformance: Conformance) -> Any:
    made = client("sagemaker")
    conformance.attach(made)
    return made


@pytest.fixture(scope="session")
def runtime(client: Any) -> Any:
    return client("sagemaker-runtime")


@pytest.fixture(scope="session")
def bucket(client: Any) -> str:
    name = f"sagemaker-{uuid.uuid4().hex[:12]}"
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def put(client: Any, bucket: str) -> Callable[[str, str | bytes], str]:
    """`put("data/a.csv", "1,2")`: an object; its URI."""

    def put_object(key: str, body: str | bytes) -> str:
        client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    return put_object


@pytest.fixture(scope="session")
def get(client: Any) -> Callable[[str], bytes]:
    """`get("s3://…")`: the bytes of an object."""

    def get_object(uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    return get_object


@pytest.fixture
def log(client: Any) -> Callable[[str, str], list[str]]:
    """`log("/aws/sagemaker/TrainingJobs", "my-job/")`: the lines of a log stream."""

    def read(group: str, prefix: str) -> list[str]:
        logs = client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
        lines: list[str] = []
        for stream in streams:
            events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
            lines += [event["message"] for event in events]
        return lines

    return read


@pytest.fixture(scope="session")
def is_running() -> Callable[[int], bool]:
    """`is_running(pid)`: whether a process is there and not merely waiting for its parent to notice its end."""

    def look(pid: int) -> bool:
        # Of all its threads: the first of a killed process can be through while others are not.
        command = ["ps", "-L", "-o", "stat=", "-p", str(pid)]
        states = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        return any(not state.startswith("Z") for state in states)

    return look


# --- jobs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def training_request(name: str, image: str, bucket: str) -> Callable[..., dict[str, Any]]:
    """`training_request({"epochs": "3"}, RoleArn=…)`: what `CreateTrainingJob` takes."""

    def make(hyperparameters: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        return {
            "TrainingJobName": name,
            "HyperParameters": hyperparameters or {},
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.c7i.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **changes,
        }

    return make


@pytest.fixture
def train(sagemaker: Any, training_request: Any, eventually: Any) -> Callable[..., dict[str, Any]]:
    """`train({"epochs": "3"})`: a training job; its description when it has ended."""

    def run(hyperparameters: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        request = training_request(hyperparameters, **changes)
        sagemaker.create_training_job(**request)
        return await_job(sagemaker, eventually, "Training", request["TrainingJobName"])

    return run


@pytest.fixture
def processing_request(name: str, image: str, bucket: str) -> Callable[..., dict[str, Any]]:
    """`processing_request(source_uri)`: what `CreateProcessingJob` takes to add up the numbers under a prefix."""

    def make(source: str, **changes: Any) -> dict[str, Any]:
        base = "/opt/ml/processing"
        data = {"S3Uri": source, "LocalPath": f"{base}/input", "S3DataType": "S3Prefix", "S3InputMode": "File"}
        results = {"S3Uri": f"s3://{bucket}/sums/{name}", "LocalPath": f"{base}/output", "S3UploadMode": "EndOfJob"}
        return {
            "ProcessingJobName": name,
            "AppSpecification": {
                "ImageUri": image,
                "ContainerEntrypoint": ["evaluate"],
                "ContainerArguments": [f"{base}/input", f"{base}/output"],
            },
            "ProcessingInputs": [{"InputName": "numbers", "S3Input": data}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "sum", "S3Output": results}]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m7i.large", "VolumeSizeInGB": 5}
            },
            "RoleArn": ROLE,
            **changes,
        }

    return make


@pytest.fixture
def process(sagemaker: Any, processing_request: Any, eventually: Any) -> Callable[..., dict[str, Any]]:
    """`process(source_uri)`: a processing job; its description when it has ended."""

    def run(source: str, **changes: Any) -> dict[str, Any]:
        request = processing_request(source, **changes)
        sagemaker.create_processing_job(**request)
        return await_job(sagemaker, eventually, "Processing", request["ProcessingJobName"])

    return run


def await_job(sagemaker: Any, eventually: Any, kind: str, name: str) -> dict[str, Any]:
    describe = getattr(sagemaker, f"describe_{kind.lower()}_job")

    def ended() -> dict[str, Any] | None:
        description: dict[str, Any] = describe(**{f"{kind}JobName": name})
        return description if description[f"{kind}JobStatus"] in {"Completed", "Failed", "Stopped"} else None

    found: dict[str, Any] = eventually(ended, 30)
    return found


# --- models and endpoints --------------------------------------------------------------------------------------------


def pack(content: dict[str, Any]) -> bytes:
    """A model archive for the container's `serve`."""
    buffer, text = io.BytesIO(), json.dumps(content).encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("model.json")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


@pytest.fixture
def config(sagemaker: Any, image: str, put: Any, name: str) -> Callable[..., str]:
    """`config("one")`: an endpoint configuration that serves a new model of that name; its own name."""

    def make(model: str, **content: Any) -> str:
        full_name = f"{name}-{model}"
        uri = put(f"artifacts/{full_name}.tar.gz", pack({"name": model, **content}))
        sagemaker.create_model(
            ModelName=full_name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image, "ModelDataUrl": uri}
        )
        sagemaker.create_endpoint_config(EndpointConfigName=full_name, ProductionVariants=[variant_of(full_name)])
        return full_name

    return make


def variant_of(model_name: str, **changes: Any) -> dict[str, Any]:
    variant = {"VariantName": VARIANT, "ModelName": model_name, "InstanceType": "ml.c7i.large"}
    return {**variant, "InitialInstanceCount": 1, **changes}


@pytest.fixture
def transform_request(config: Any, bucket: str, name: str) -> Callable[..., dict[str, Any]]:
    """`transform_request(source_uri, {"SplitType": "Line"}, MaxPayloadInMB=1)`: what `CreateTransformJob` takes."""

    def make(
        source: str,
        given: dict[str, Any] | None = None,
        wanted: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}
        return {
            "TransformJobName": name,
            "ModelName": config("transforming", **{"transform": {}, **(model or {})}),
            "TransformInput": {"DataSource": data, **(given or {})},
            "TransformOutput": {"S3OutputPath": f"s3://{bucket}/transformed/{name}", **(wanted or {})},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **changes,
        }

    return make


@pytest.fixture
def transform(sagemaker: Any, transform_request: Any, eventually: Any) -> Callable[..., dict[str, Any]]:
    """`transform(source_uri, …)`: a transform job; its description when it has ended."""

    def run(*args: Any, **changes: Any) -> dict[str, Any]:
        request = transform_request(*args, **changes)
        sagemaker.create_transform_job(**request)
        return await_job(sagemaker, eventually, "Transform", request["TransformJobName"])

    return run


@pytest.fixture
def settled(sagemaker: Any, eventually: Any) -> Callable[[str], dict[str, Any]]:
    """`settled(name)`: an endpoint's description when nothing is being deployed any more."""

    def wait(endpoint: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            description: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=endpoint)
            return description if description["EndpointStatus"] in {"InService", "Failed"} else None

        found: dict[str, Any] = eventually(look, 30)
        return found

    return wait


@pytest.fixture
def endpoint(sagemaker: Any, config: Any, settled: Any, name: str) -> Any:
    """An endpoint in service that serves model `one`; its name."""
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config("one"))
    assert settled(name)["EndpointStatus"] == "InService"
    yield name
    settled(name)
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def ask(runtime: Any) -> Callable[..., dict[str, Any]]:
    """`ask(endpoint, sleep_s=1)`: what the container's `serve` answers to a wish."""

    def invoke(endpoint: str, **wish: Any) -> dict[str, Any]:
        answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=json.dumps(wish), ContentType="application/json")
        body: dict[str, Any] = json.loads(answer["Body"].read())
        return body

    return invoke
