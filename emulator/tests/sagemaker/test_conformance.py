"""Every operation that the laptop's SageMaker offers answers as SageMaker's own service model says.

The `sagemaker` client of all these tests looks at its answers so (`conformance`); here each operation is asked.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.sagemaker.conformance import find_faults
from emulator.tests.sagemaker.conftest import await_job, variant_of
from laptop_cloud.sagemaker.shapes import service_model

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = {
    "ModelName": "m",
    "ModelArn": "arn:aws:sagemaker:eu-central-1:123456789012:model/m",
    "CreationTime": 1767225600.5,
    "PrimaryContainer": {"Image": "i", "Environment": {"A": "1"}, "Mode": "SingleModel"},
    "Containers": [{"Image": "i"}],
    "EnableNetworkIsolation": False,
}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"ModelArn": None}, "DescribeModel: ModelArn is missing"),
        ({"Colour": "red"}, "DescribeModel: Colour is unknown"),
        ({"Containers": [{"Picture": "i"}]}, r"DescribeModel.Containers\[0\]: Picture is unknown"),
        ({"ModelName": 7}, "DescribeModel.ModelName: 7 is no string"),
        ({"EnableNetworkIsolation": "false"}, "DescribeModel.EnableNetworkIsolation: 'false' is no boolean"),
        ({"CreationTime": "2026-01-01T00:00:00Z"}, "DescribeModel.CreationTime: '2026.*' is no timestamp"),
        ({"CreationTime": 1767225600500}, "DescribeModel.CreationTime: 1767225600500 is no moment in seconds"),
        ({"PrimaryContainer": {"Mode": "Many"}}, "DescribeModel.PrimaryContainer.Mode: 'Many' is not one of"),
        (
            {"PrimaryContainer": {"Environment": {"A": 1}}},
            "DescribeModel.PrimaryContainer.Environment.A: 1 is no string",
        ),
        ({"ModelName": "no_underscores"}, "DescribeModel.ModelName: 'no_underscores' does not match"),
        ({"ModelName": "m" * 64}, "DescribeModel.ModelName: 'm+' is not within 0 and 63"),
    ],
)
def test_an_answer_that_does_not_fit_is_noticed(changes: dict[str, Any], fault: str | None) -> None:
    shape = service_model().operation_model("DescribeModel").output_shape
    answer = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}

    faults = list(find_faults(shape, answer, "DescribeModel"))  # type: ignore[arg-type]  # it has an answer

    assert len(faults) >= 1 if fault else faults == []
    assert fault is None or re.match(fault, faults[0])


@pytest.fixture
def offered(sagemaker: Any) -> set[str]:
    """The operations that there are, in the words of the refusal of one that is not."""
    with pytest.raises(ClientError) as refusal:
        sagemaker.list_devices()
    names = refusal.value.response["Error"]["Message"].partition("it has ")[2]
    return set(names.rstrip(".").split(", "))


def test_every_operation_answers_as_the_model_says(
    sagemaker: Any, conformance: Any, offered: set[str], request: pytest.FixtureRequest
) -> None:
    for ask in (ask_registry, ask_cards, ask_training, ask_processing, ask_transform, ask_endpoints, ask_tags):
        ask(sagemaker, request.getfixturevalue)

    assert offered - conformance.answered == set()


def ask_registry(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    name, image = fixture("name"), fixture("image")
    group = {"ModelPackageGroupName": f"{name}-group"}
    sagemaker.create_model_package_group(**group, ModelPackageGroupDescription="of the walk")
    sagemaker.describe_model_package_group(**group)
    sagemaker.list_model_package_groups(NameContains=name)
    somebody = {"Effect": "Allow", "Principal": "*", "Action": "sagemaker:DescribeModelPackage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": somebody})
    sagemaker.put_model_package_group_policy(**group, ResourcePolicy=policy)
    sagemaker.get_model_package_group_policy(**group)
    sagemaker.delete_model_package_group_policy(**group)
    container = {"Image": image, "ModelDataUrl": fixture("put")(f"artifacts/{name}-walk.tar.gz", b"")}
    inference = {"Containers": [container], "SupportedContentTypes": ["text/csv"]}
    card = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}
    arn = sagemaker.create_model_package(
        **group,
        InferenceSpecification=inference,
        ModelCard=card,
        CustomerMetadataProperties={"commit": "abc"},
        ModelPackageDescription="first",
    )["ModelPackageArn"]
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="as good as it gets"
    )
    sagemaker.describe_model_package(ModelPackageName=arn)
    sagemaker.list_model_packages(ModelPackageGroupName=f"{name}-group")
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(**group)


def ask_cards(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    card = {"ModelCardName": f"{fixture('name')}-card"}
    sagemaker.create_model_card(**card, Content="{}", ModelCardStatus="Draft")
    sagemaker.update_model_card(**card, ModelCardStatus="Approved")
    sagemaker.describe_model_card(**card)
    sagemaker.list_model_cards(NameContains=card["ModelCardName"])
    sagemaker.list_model_card_versions(**card)
    sagemaker.delete_model_card(**card)


def ask_training(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    name, train = fixture("name"), fixture("train")
    definitions = [{"Name": "rmse", "Regex": "rmse=(.*?);"}]
    algorithm = fixture("training_request")()["AlgorithmSpecification"]
    train({"side_output": "a"}, AlgorithmSpecification={**algorithm, "MetricDefinitions": definitions})
    train({"fail_with": "no data"}, TrainingJobName=f"{name}-failing")
    sagemaker.create_training_job(**fixture("training_request")({"run_s": "60"}, TrainingJobName=f"{name}-stopped"))
    sagemaker.describe_training_job(TrainingJobName=f"{name}-stopped")
    sagemaker.stop_training_job(TrainingJobName=f"{name}-stopped")
    sagemaker.list_training_jobs(NameContains=name)


def ask_processing(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    name, process = fixture("name"), fixture("process")
    numbers = fixture("put")(f"{name}/numbers.txt", "1\n2")
    process(numbers)
    process(fixture("put")(f"{name}/wrong.txt", "-1"), ProcessingJobName=f"{name}-failing")
    request = fixture("processing_request")(numbers, ProcessingJobName=f"{name}-stopped", Environment={"SLEEP_S": "60"})
    sagemaker.create_processing_job(**request)
    sagemaker.describe_processing_job(ProcessingJobName=f"{name}-stopped")
    sagemaker.stop_processing_job(ProcessingJobName=f"{name}-stopped")
    sagemaker.list_processing_jobs(NameContains=name)


def ask_transform(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    name, transform, put = fixture("name"), fixture("transform"), fixture("put")
    done = transform(
        put(f"{name}/rows.csv", "1\n2"),
        {"ContentType": "text/csv", "SplitType": "Line", "CompressionType": "None"},
        {"Accept": "text/csv", "AssembleWith": "Line"},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=2,
        MaxPayloadInMB=1,
        ModelClientConfig={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 0},
        Environment={"A": "1"},
        Tags=[{"Key": "a", "Value": "1"}],
    )
    again = {key: done[key] for key in ("ModelName", "TransformInput", "TransformOutput", "TransformResources")}
    nothing = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://nothing/{name}"}}}
    sagemaker.create_transform_job(**{**again, "TransformJobName": f"{name}-failing", "TransformInput": nothing})
    sagemaker.create_transform_job(**again, TransformJobName=f"{name}-stopped")
    sagemaker.stop_transform_job(TransformJobName=f"{name}-stopped")
    sagemaker.describe_transform_job(TransformJobName=f"{name}-stopped")
    await_job(sagemaker, fixture("eventually"), "Transform", f"{name}-failing")
    sagemaker.list_transform_jobs(NameContains=name)


def ask_endpoints(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    name, settled = fixture("name"), fixture("settled")
    first, second, shadow, broken = (
        fixture("config")(model, broken=model == "broken") for model in ("one", "two", "shadow", "broken")
    )
    sagemaker.describe_model(ModelName=first)
    sagemaker.list_models(NameContains=name)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{fixture('bucket')}/walk",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-full",
        ProductionVariants=[variant_of(second, InitialInstanceCount=2)],
        ShadowProductionVariants=[variant_of(shadow, VariantName="Shadow")],
        DataCaptureConfig=capture,
    )
    sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-full")
    sagemaker.list_endpoint_configs(NameContains=name)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=first)
    # Each of these looks at the endpoint again and again on its way.
    settled(name)
    guards: dict[str, dict[str, Any]] = {
        f"{name}-full": {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}},
        broken: {"Type": "ALL_AT_ONCE"},
    }
    for target, routing in guards.items():
        traffic = {"TrafficRoutingConfiguration": {"WaitIntervalInSeconds": 20, **routing}}
        guarded = {"BlueGreenUpdatePolicy": {**traffic, "TerminationWaitInSeconds": 10}}
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=target, DeploymentConfig=guarded)
        settled(name)
    desired = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=desired)
    settled(name)
    sagemaker.list_endpoints(NameContains=name)
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=f"{name}-full")
    sagemaker.delete_model(ModelName=shadow)


def ask_tags(sagemaker: Any, fixture: Callable[[str], Any]) -> None:
    group = f"{fixture('name')}-tagged"
    arn = sagemaker.create_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    sagemaker.list_tags(ResourceArn=arn)
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
