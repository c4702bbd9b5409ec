"""What somebody must be allowed for a call of SageMaker: each resource that it names, and the role that it hands on.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laptop_cloud.sagemaker.scopes import Scope

_KINDS = {
    "TrainingJobName": "training-job",
    "ProcessingJobName": "processing-job",
    "TransformJobName": "transform-job",
    "ModelPackageGroupName": "model-package-group",
    "ModelPackageName": "model-package",
    "ModelCardName": "model-card",
    "ModelName": "model",
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
}
"""Parameters that name a resource, and what it is called in an ARN."""
_ARNS = ("ModelPackageArn", "ResourceArn")
_ROLES = ("RoleArn", "ExecutionRoleArn")
_TAKES_ROLES = "sagemaker.amazonaws.com"


class Permission(NamedTuple):
    """An action on a resource; keys are what conditions may ask about."""

    action: str
    resource: str
    keys: dict[str, Any]


def list_permissions(scope: Scope, operation: str, params: dict[str, Any]) -> Iterator[Permission]:
    """All that a call needs; who lacks one of them is refused."""
    action = f"sagemaker:{operation}"
    keys = {"sagemaker:ModelApprovalStatus": params["ModelApprovalStatus"]} if "ModelApprovalStatus" in params else {}
    resources = list(_find_resources(scope, operation, params)) or ["*"]
    for resource in resources:
        yield Permission(action, resource, keys)
        if params.get("Tags") and operation != "AddTags":
            yield Permission("sagemaker:AddTags", resource, {})
    for package in _find_packages(scope, operation, params):
        yield Permission(action, package, {})
    for role in (params[name] for name in _ROLES if params.get(name)):
        yield Permission("iam:PassRole", role, {"iam:PassedToService": _TAKES_ROLES})


def _find_resources(scope: Scope, operation: str, params: dict[str, Any]) -> Iterator[str]:
    group = params.get("ModelPackageGroupName")
    if operation in {"ListModelPackages", "CreateModelPackage"} and group:
        # Of whatever version, and in the group's account.
        arn = group if group.startswith("arn:") else scope.arn(f"model-package-group/{group}")
        yield f"{arn.partition(':model-package-group/')[0]}:model-package/{_read_name(arn)}/*"
    if operation.startswith("List") and operation != "ListTags":
        return
    yield from (params[name] for name in _ARNS if name in params)
    for name, kind in _KINDS.items():
        if given := params.get(name):
            yield given if str(given).startswith("arn:") else scope.arn(f"{kind}/{str(given).lower()}")


def _find_packages(scope: Scope, operation: str, params: dict[str, Any]) -> Iterator[str]:
    """Packages of other accounts that a model is made of: their groups' policies must allow it.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
    """
    if operation != "CreateModel":
        return
    for container in (params.get("PrimaryContainer"), *(params.get("Containers") or ())):
        package = str((container or {}).get("ModelPackageName", ""))
        if package.startswith("arn:") and package.split(":")[4] != scope.account:
            yield package


def _read_name(given: str) -> str:
    return given.rpartition("/")[2].lower()
