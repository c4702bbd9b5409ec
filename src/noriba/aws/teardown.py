"""Removing what CloudFormation does not own: what rollouts made, and packages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noriba.aws.endpoints import find_status
from noriba.aws.resource_names import Kind, list_names
from noriba.errors import NoribaError
from noriba.records.names import IN_PROGRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mypy_boto3_sagemaker import SageMakerClient


POLL_S = 5.0
LONGEST_WAIT_S = 3600.0


class EndpointBusyError(NoribaError):
    """SageMaker is still making or changing an endpoint, and refuses to delete it."""


def remove_endpoints(
    sagemaker: SageMakerClient,
    *,
    prefix: str,
    tell: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Delete endpoints, their configurations and models whose names begin so; how many of all.

    Waits for endpoints that are still being made, which SageMaker refuses to delete, and until they are gone: their
    configurations are in use until then.

    Args:
        sagemaker: the client.
        prefix: of the names.
        tell: told what is waited for.
        pause: waits so many seconds.

    Raises:
        EndpointBusyError: an endpoint was not ready within an hour.
    """
    kinds = (Kind.ENDPOINT, Kind.CONFIGURATION, Kind.MODEL)
    endpoints, configs, models = (list_names(sagemaker, kind, prefix=prefix) for kind in kinds)
    for name in endpoints:
        _wait_while(sagemaker, name, IN_PROGRESS, tell, pause)
        if find_status(sagemaker, name) is not None:
            sagemaker.delete_endpoint(EndpointName=name)
    for name in endpoints:
        _wait_while(sagemaker, name, ("Deleting",), tell, pause)
    for name in configs:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in models:
        sagemaker.delete_model(ModelName=name)
    return len(endpoints) + len(configs) + len(models)


def remove_packages(sagemaker: SageMakerClient, group: str) -> int:
    """Delete all model packages of a group, so that the group itself can go; how many."""
    if group not in list_names(sagemaker, Kind.PACKAGE_GROUP, prefix=group):
        return 0
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    arns = [found["ModelPackageArn"] for page in pages for found in page["ModelPackageSummaryList"]]
    for arn in arns:
        sagemaker.delete_model_package(ModelPackageName=arn)
    return len(arns)


def _wait_while(
    sagemaker: SageMakerClient,
    name: str,
    statuses: Collection[str | None],
    tell: Callable[[str], None],
    pause: Callable[[float], None],
) -> None:
    waited_s = 0.0
    while (status := find_status(sagemaker, name)) in statuses:
        if waited_s >= LONGEST_WAIT_S:
            raise EndpointBusyError(f"endpoint {name} is {status} since an hour; try again when it is not")
        tell(f"waiting for endpoint {name}: {status}")
        pause(POLL_S)
        waited_s += POLL_S
