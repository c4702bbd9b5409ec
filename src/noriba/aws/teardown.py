"""Removing what CloudFormation does not own: what rollouts made, and what buckets hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient


def remove_endpoints(sagemaker: SageMakerClient, *, prefix: str) -> int:
    """Delete endpoints, their configurations and models whose names begin so; how many of all."""
    endpoints = _list_names(sagemaker, "list_endpoints", "Endpoints", "EndpointName", prefix)
    configs = _list_names(sagemaker, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", prefix)
    models = _list_names(sagemaker, "list_models", "Models", "ModelName", prefix)
    for name in endpoints:
        sagemaker.delete_endpoint(EndpointName=name)
    for name in configs:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in models:
        sagemaker.delete_model(ModelName=name)
    return len(endpoints) + len(configs) + len(models)


def remove_packages(sagemaker: SageMakerClient, group: str) -> int:
    """Delete all model packages of a group, so that the group itself can go; how many."""
    groups = _list_names(
        sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName", group
    )
    if group not in groups:
        return 0
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    arns = [found["ModelPackageArn"] for page in pages for found in page["ModelPackageSummaryList"]]
    for arn in arns:
        sagemaker.delete_model_package(ModelPackageName=arn)
    return len(arns)


def empty_bucket(s3: S3Client, bucket: str) -> int:
    """Delete every version of every object; how many."""
    count = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            s3.delete_objects(
                Bucket=bucket,
                Delete={"Objects": [{"Key": i["Key"], "VersionId": i["VersionId"]} for i in found], "Quiet": True},
            )
            count += len(found)
    return count


def _list_names(sagemaker: SageMakerClient, operation: Any, member: str, field: str, prefix: str) -> list[str]:
    """The names that a list operation finds and that begin so; SageMaker itself looks anywhere in a name."""
    pages: Iterable[Mapping[str, Any]] = sagemaker.get_paginator(operation).paginate(NameContains=prefix)
    return [found[field] for page in pages for found in page[member] if found[field].startswith(prefix)]
