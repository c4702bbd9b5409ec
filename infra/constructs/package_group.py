"""A use case's group in the model registry, or the one that an earlier deployment kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_sagemaker as sagemaker

from infra.constructs.grants import format_arn
from infra.constructs.names import to_construct_id
from noriba.records.names import name_package_group

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


@dataclass(frozen=True)
class PackageGroup:
    """What others need to know of a group."""

    name: str
    arn: str


def make_package_group(scope: Construct, use_case: UseCase, *, shared: Shared) -> PackageGroup:
    """The group. Its name is fixed: the approver types it, and the rollout's rule waits for it."""
    name = name_package_group(use_case.name, prefix=shared.settings.prefix)
    if shared.settings.kept is not None:
        return PackageGroup(name, format_arn(Stack.of(scope), "sagemaker", f"model-package-group/{name}"))
    group = sagemaker.CfnModelPackageGroup(
        scope,
        f"Group{to_construct_id(use_case.name)}",
        model_package_group_name=name,
        model_package_group_description=use_case.title,
    )
    group.apply_removal_policy(RemovalPolicy.RETAIN if shared.settings.keep_data else RemovalPolicy.DESTROY)
    return PackageGroup(group.model_package_group_name, group.attr_model_package_group_arn)
