"""The model registry: versions, approval, cards, and the events that drive a rollout."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def group(sagemaker: Any, name: str) -> Any:
    sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="taxi arrival times")
    return name


@pytest.fixture
def register(sagemaker: Any, group: str, image: str, put: Any) -> Any:
    """`register(ModelApprovalStatus=…)`: the next version of the group; its ARN."""

    def create(**changes: Any) -> str:
        container = {"Image": image, "ModelDataUrl": put(f"artifacts/{group}.tar.gz", b"")}
        request = {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        }
        arn: str = sagemaker.create_model_package(**{**request, **changes})["ModelPackageArn"]
        return arn

    return create


def test_versions_are_numbered_and_wait_for_approval(sagemaker: Any, group: str, register: Any, cloud: Any) -> None:
    first, second = register(), register()

    described = sagemaker.describe_model_package(ModelPackageName=second)
    assert first == f"arn:aws:sagemaker:{cloud.region}:{cloud.account}:model-package/{group}/1"
    assert (described["ModelPackageGroupName"], described["ModelPackageVersion"]) == (group, 2)
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageStatus"] == "Completed"
    assert described["InferenceSpecification"]["SupportedContentTypes"] == ["application/json"]
    assert "CreatedBy" not in described


def test_all_that_was_registered_is_remembered(sagemaker: Any, register: Any) -> None:
    evidence = {
        "ModelCard": {
            "ModelCardContent": json.dumps({"intended_uses": {"purpose": "eta"}}),
            "ModelCardStatus": "Draft",
        },
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://a/m.json"}}},
        "CustomerMetadataProperties": {"snapshot": "sha-1", "job": "train-1"},
        "MetadataProperties": {"CommitId": "abc", "GeneratedBy": "train-1"},
        "ModelPackageDescription": "better at night",
    }

    described = sagemaker.describe_model_package(ModelPackageName=register(**evidence))

    assert {member: described[member] for member in evidence} == evidence


def test_a_version_is_never_given_twice(sagemaker: Any, group: str, register: Any) -> None:
    register()
    sagemaker.delete_model_package(ModelPackageName=register())

    assert register().endswith(f"/{group}/3")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package(ModelPackageName=f"{group}/2")


def test_the_same_client_token_registers_once(sagemaker: Any, group: str, register: Any) -> None:
    token = {"ClientToken": "00000000-0000-4000-8000-000000000001"}

    assert register(**token) == register(**token)
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1
    with pytest.raises(sagemaker.exceptions.ConflictException):
        register(**token, ModelPackageDescription="another")


def test_an_update_changes_what_it_names_and_nothing_else(sagemaker: Any, register: Any) -> None:
    card = {"ModelCardContent": json.dumps({"a": 1}), "ModelCardStatus": "PendingReview"}
    arn = register(CustomerMetadataProperties={"snapshot": "sha-1", "old": "x"}, ModelCard=card)

    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="reviewed by two"
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"endpoint": "eta"},
        CustomerMetadataPropertiesToRemove=["old"],
        ModelCard={"ModelCardStatus": "Approved"},
    )

    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "reviewed by two"
    assert described["CustomerMetadataProperties"] == {"snapshot": "sha-1", "endpoint": "eta"}
    assert described["ModelCard"] == {**card, "ModelCardStatus": "Approved"}
    assert described["LastModifiedTime"] >= described["CreationTime"]


def test_registration_and_approval_are_events(sagemaker: Any, group: str, register: Any, watch: Any) -> None:
    queue = watch({"source": ["aws.sagemaker"], "detail": {"ModelPackageGroupName": [group]}})

    arn = register()
    created = queue.receive_json()
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    approved = queue.receive_json()

    assert {created["detail-type"], approved["detail-type"]} == {"SageMaker Model Package State Change"}
    assert approved["resources"] == [arn]
    assert created["detail"]["ModelApprovalStatus"] == "PendingManualApproval"
    assert "UpdatedModelPackageFields" not in created["detail"]
    assert approved["detail"]["ModelApprovalStatus"] == "Approved"
    assert approved["detail"]["ModelPackageVersion"] == 1
    assert approved["detail"]["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]


def test_packages_are_found_by_group_and_status(sagemaker: Any, group: str, register: Any) -> None:
    rejected = register(ModelApprovalStatus="Rejected")
    pending = [register(), register()]

    def found(**filters: str) -> list[str]:
        pages = sagemaker.get_paginator("list_model_packages").paginate(**filters, PaginationConfig={"PageSize": 1})
        return [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]

    assert found(ModelPackageGroupName=group) == [rejected, *pending]
    assert found(ModelPackageGroupName=group, ModelApprovalStatus="Rejected") == [rejected]
    assert found(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending")[0] == pending[-1]
    assert found(NameContains=group, ModelPackageType="Versioned") == [rejected, *pending]
    assert found(NameContains=group) == []


def test_only_approved_packages_deploy(sagemaker: Any, register: Any, name: str) -> None:
    arn = register()
    request = {
        "ModelName": name,
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/sagemaker",
        "PrimaryContainer": {"ModelPackageName": arn},
    }

    with pytest.raises(ClientError, match="only Approved can deploy"):
        sagemaker.create_model(**request)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(**request)

    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"] == {"ModelPackageName": arn}


def test_a_group_with_packages_cannot_be_deleted(sagemaker: Any, group: str, register: Any) -> None:
    arn = register()

    with pytest.raises(sagemaker.exceptions.ConflictException):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    assert sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"] == []


def test_groups_are_found_by_name_or_arn(sagemaker: Any, group: str) -> None:
    by_name = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    by_arn = sagemaker.describe_model_package_group(ModelPackageGroupName=by_name["ModelPackageGroupArn"])

    assert by_arn["ModelPackageGroupDescription"] == "taxi arrival times"
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ModelCard": {"ModelCardContent": "no JSON", "ModelCardStatus": "Draft"}}, "not JSON"),
        ({"ModelPackageGroupName": "no-such-group"}, "does not exist"),
        (
            {"ModelPackageGroupName": "arn:aws:sagemaker:us-east-1:999999999999:model-package-group/g"},
            "is not authorized",
        ),
        (
            {"ModelPackageGroupName": "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/g"},
            "between regions",
        ),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "takes its name and tags from its group"),
    ],
)
def test_what_cannot_be_registered(register: Any, changes: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        register(**changes)


def test_model_cards_have_versions(sagemaker: Any, name: str) -> None:
    sagemaker.create_model_card(ModelCardName=name, Content='{"draft": 1}', ModelCardStatus="Draft")
    sagemaker.update_model_card(ModelCardName=name, ModelCardStatus="Approved")

    latest = sagemaker.describe_model_card(ModelCardName=name)
    first = sagemaker.describe_model_card(ModelCardName=name, ModelCardVersion=1)
    versions = sagemaker.list_model_card_versions(ModelCardName=name)["ModelCardVersionSummaryList"]
    assert (latest["ModelCardVersion"], latest["ModelCardStatus"], latest["Content"]) == (2, "Approved", '{"draft": 1}')
    assert first["ModelCardStatus"] == "Draft"
    assert [one["ModelCardVersion"] for one in versions] == [1, 2]
    assert [one["ModelCardName"] for one in sagemaker.list_model_cards(NameContains=name)["ModelCardSummaries"]] == [
        name
    ]
    with pytest.raises(ClientError, match="not JSON"):
        sagemaker.update_model_card(ModelCardName=name, Content="no JSON")
    sagemaker.delete_model_card(ModelCardName=name)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_card(ModelCardName=name)
