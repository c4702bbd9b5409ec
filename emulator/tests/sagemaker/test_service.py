"""What the API answers to requests that are wrong, unknown, or about somebody else's things."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from laptop_cloud.sagemaker.shapes import service_model

ROLE = "arn:aws:iam::123456789012:role/sagemaker"


@pytest.fixture
def post(cloud: Any) -> Any:
    """`post("DescribeModel", {…})`: status and answer of a bare HTTP request, which no client library has checked."""

    def send(operation: str, params: object) -> tuple[int, dict[str, str]]:
        credential = f"{cloud.account}/20260101/{cloud.region}/sagemaker/aws4_request"
        headers = {
            "X-Amz-Target": f"SageMaker.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        body = params if isinstance(params, bytes) else json.dumps(params).encode()
        request = urllib.request.Request(cloud.endpoint_url, body, headers)  # noqa: S310 -- our own cloud
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 -- our own cloud
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return send


def test_operations_that_the_laptop_has_not_are_refused(client: Any) -> None:
    with pytest.raises(ClientError) as refusal:
        client("sagemaker").create_notebook_instance(
            NotebookInstanceName="n", InstanceType="ml.t3.medium", RoleArn=ROLE
        )

    error = refusal.value.response["Error"]
    assert error["Code"] == "UnsupportedOperation"
    assert error["Message"].startswith("The laptop cloud has no sagemaker:CreateNotebookInstance; it has AddTags, ")


def test_every_other_operation_of_sagemaker_is_refused_by_name_lists_included(post: Any) -> None:
    """An empty list would say that there is nothing, of things that nobody could have made here."""
    refusal = post("ListDevices", {})[1]["message"]
    offered = set(refusal.partition("it has ")[2].rstrip(".").split(", "))
    missing = set(service_model().operation_names) - offered

    assert {
        *("ListExperiments", "ListTrials", "ListTrialComponents", "ListHyperParameterTuningJobs", "ListPipelines"),
        *("ListFeatureGroups", "ListInferenceExperiments", "ListMonitoringSchedules", "ListAutoMLJobs", "Search"),
    } <= missing
    for operation in sorted(missing):
        status, answer = post(operation, {})
        assert (status, answer["__type"]) == (400, "UnsupportedOperation"), operation
        assert answer["message"].startswith(f"The laptop cloud has no sagemaker:{operation}; it has AddTags, ")


def test_what_is_no_operation_of_sagemaker_is_called_so(post: Any) -> None:
    answer = post("ListEverything", {})[1]

    assert answer["message"] == "The laptop cloud has no sagemaker:ListEverything, and neither has AWS."


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("DescribeModel", {}, 'Missing required parameter in input: "ModelName"'),
        ("DescribeModel", {"ModelName": 7}, "Invalid type for parameter ModelName"),
        ("DescribeModel", {"ModelName": "m", "Colour": "red"}, 'Unknown parameter in input: "Colour"'),
        (
            "DescribeModel",
            {"ModelName": "no_underscores"},
            "'ModelName' failed to satisfy constraint: Member must satisfy",
        ),
        ("DescribeModel", {"ModelName": "x" * 64}, "'ModelName' failed to satisfy constraint"),
        ("ListModels", {"SortBy": "Colour"}, "Member must satisfy enum value set: [Name, CreationTime]"),
        ("ListModels", {"MaxResults": 101}, "Member must have value less than or equal to 100"),
        ("DescribeModel", {"ModelName": "not-there"}, 'Could not find model "arn:aws:sagemaker'),
    ],
)
def test_wrong_requests_get_sagemakers_validation_exception(
    post: Any, operation: str, params: Any, message: str
) -> None:
    status, answer = post(operation, params)

    assert (status, answer["__type"]) == (400, "ValidationException")
    assert message in answer["message"]


def test_a_wrong_instance_type_is_answered_with_similar_ones(post: Any) -> None:
    variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.c7i.big", "InitialInstanceCount": 1}

    _, answer = post("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]})

    assert "ProductionVariants.1.member.InstanceType" in answer["message"]
    assert "ml.c7i.large" in answer["message"]
    assert len(answer["message"]) < 400


def test_a_body_that_is_not_json(post: Any) -> None:
    assert post("ListModels", b"{")[1]["__type"] == "SerializationException"


def test_accounts_and_regions_do_not_see_each_other(client: Any, cloud: Any, name: str) -> None:
    client("sagemaker").create_model_package_group(ModelPackageGroupName=name)

    for account, region in (("210987654321", cloud.region), (cloud.account, "eu-west-1")):
        stranger = boto3.client(
            "sagemaker",
            endpoint_url=cloud.endpoint_url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        )
        assert stranger.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_tags_of_anything(client: Any, name: str) -> None:
    sagemaker = client("sagemaker")
    answer = sagemaker.create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "use-case", "Value": "eta"}, {"Key": "stage", "Value": "dev"}]
    )
    arn = answer["ModelPackageGroupArn"]

    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "prod"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["use-case"])

    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "prod"}]
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.list_tags(ResourceArn=arn + "x")


def test_models_are_listed_latest_first(client: Any, image: str, name: str) -> None:
    sagemaker = client("sagemaker")
    for suffix in ("a", "b"):
        sagemaker.create_model(ModelName=f"{name}-{suffix}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})

    listed = sagemaker.list_models(NameContains=name)["Models"]
    sagemaker.delete_model(ModelName=f"{name}-a")

    assert [one["ModelName"] for one in listed] == [f"{name}-b", f"{name}-a"]
    assert len(sagemaker.list_models(NameContains=name)["Models"]) == 1
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        sagemaker.create_model(ModelName=f"{name}-b", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})
