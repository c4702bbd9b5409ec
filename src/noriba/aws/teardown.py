"""Removing what CloudFormation does not own: what rollouts made, and what buckets hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient


def remove_endpoints(sagemaker: SageMakerClient, *, prefix: str) -> int:
    """Delete endpoints, their configurations and models whose names begin so; how many of all."""
    endpoints = [
        found["EndpointName"]
        for page in sagemaker.get_paginator("list_endpoints").paginate(NameContains=prefix)
        for found in page["Endpoints"]
        if found["EndpointName"].startswith(prefix)
    ]
    configs = [
        found["EndpointConfigName"]
        for page in sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains=prefix)
        for found in page["EndpointConfigs"]
        if found["EndpointConfigName"].startswith(prefix)
    ]
    models = [
        found["ModelName"]
        for page in sagemaker.get_paginator("list_models").paginate(NameContains=prefix)
        for found in page["Models"]
        if found["ModelName"].startswith(prefix)
    ]
    for name in endpoints:
        sagemaker.delete_endpoint(EndpointName=name)
    for name in configs:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in models:
        sagemaker.delete_model(ModelName=name)
    return len(endpoints) + len(configs) + len(models)


def remove_packages(sagemaker: SageMakerClient, group: str) -> int:
    """Delete all model packages of a group, so that the group itself can go; how many."""
    groups = sagemaker.get_paginator("list_model_package_groups").paginate(NameContains=group)
    if group not in {one["ModelPackageGroupName"] for page in groups for one in page["ModelPackageGroupSummaryList"]}:
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
