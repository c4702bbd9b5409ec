"""The model registry: groups, versioned packages, approval, model cards.

An ARN names a group or a package of another account too. Whether somebody may work there, policies say, which are asked
before (`permissions`, `group_policies`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.errors import ConflictError, UnsupportedError, ValidationError
from laptop_cloud.sagemaker.group_policies import GroupPolicies
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, page
from laptop_cloud.sagemaker.scopes import Scope

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.platform import Platform

_UPDATED_MEMBERS = (
    *("ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties", "InferenceSpecification"),
    *("SourceUri", "ModelLifeCycle", "ModelCard"),
)
_PENDING = "PendingManualApproval"
_NO_STATUS_DETAILS: dict[str, list[Any]] = {"ValidationStatuses": [], "ImageScanStatuses": []}


class Registry:
    """The model package groups and model packages, and the API operations on them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.policies = GroupPolicies(self.describe_group)
        self._by_token: dict[tuple[Scope, str], tuple[dict[str, Any], str]] = {}

    # --- groups ---

    def create_group(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Open a group."""
        refuse("CreateModelPackageGroup", params, ["ManagedConfiguration"])
        return {"ModelPackageGroupArn": self._platform.records(scope).create(MODEL_PACKAGE_GROUP, params).arn}

    def describe_group(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of a group."""
        home, name = _find_group(scope, params)
        found = self._platform.records(home).describe_named(MODEL_PACKAGE_GROUP, name)
        # Always there, and empty for a caller who is no user of a SageMaker domain.
        return {"CreatedBy": {}, **found}

    def list_groups(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The groups of an account and region."""
        refuse("ListModelPackageGroups", params, ["CrossAccountFilterOption"])
        records = self._platform.records(scope)
        return records.list_page(MODEL_PACKAGE_GROUP, "ModelPackageGroupSummaryList", params)

    def delete_group(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Close an empty group."""
        home, name = _find_group(scope, params)
        if any(one["ModelPackageGroupName"] == name for one in self._packages(home)):
            raise ConflictError(f"Model Package Group {name} cannot be deleted: it still contains model packages.")
        self._platform.records(home).remove(MODEL_PACKAGE_GROUP, name)
        self.policies.forget(home, name)
        return {}

    # --- packages ---

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Register the next version of a group.

        The same `ClientToken` with the same request answers the same package; with another request it is a conflict.
        """
        spec = {name: value for name, value in params.items() if name != "ClientToken"}
        token = (scope, params.get("ClientToken", ""))
        if token[1] and token in self._by_token:
            earlier, arn = self._by_token[token]
            if earlier != spec:
                raise ConflictError(f"ClientToken {token[1]} was used with another request.")
            return {"ModelPackageArn": arn}
        arn = self._register(scope, spec)
        if token[1]:
            self._by_token[token] = (spec, arn)
        return {"ModelPackageArn": arn}

    def _register(self, scope: Scope, spec: dict[str, Any]) -> str:
        refuse(
            "CreateModelPackage", spec, ["ValidationSpecification", "SourceAlgorithmSpecification", "SecurityConfig"]
        )
        if "ModelPackageGroupName" not in spec:
            raise UnsupportedError("The laptop cloud has versioned model packages only; give ModelPackageGroupName.")
        if "ModelPackageName" in spec or spec.get("Tags"):
            raise ValidationError(
                "A versioned model package takes its name and tags from its group: give neither ModelPackageName nor "
                "Tags."
            )
        _check_card(spec.get("ModelCard"))
        home, group = _find_group(scope, spec)
        self.describe_group(home, {"ModelPackageGroupName": group})
        record = self._platform.records(home).create(
            MODEL_PACKAGE,
            {
                "ModelApprovalStatus": _PENDING,
                "CertifyForMarketplace": False,
                "ModelPackageStatusDetails": _NO_STATUS_DETAILS,
                **spec,
                "ModelPackageGroupName": group,
            },
        )
        arn: str = record.arn
        events.model_package_changed(home, self.describe(home, {"ModelPackageName": arn}), [])
        return arn

    def describe(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of a package."""
        home, record = self._find(scope, params["ModelPackageName"])
        return self._platform.records(home).describe(MODEL_PACKAGE, record)

    def list_packages(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The packages of a group, or of an account and region."""
        home = _find_group(scope, params)[0] if "ModelPackageGroupName" in params else scope
        descriptions = self._packages(home)
        if "ModelPackageGroupName" in params:
            group = self.describe_group(home, params)["ModelPackageGroupName"]
            descriptions = [one for one in descriptions if one["ModelPackageGroupName"] == group]
        elif params.get("ModelPackageType", "Unversioned") == "Unversioned":
            descriptions = []
        if status := params.get("ModelApprovalStatus"):
            descriptions = [one for one in descriptions if one["ModelApprovalStatus"] == status]
        # A version has no name of its own; it is found by its group's.
        if part := params.get("NameContains"):
            descriptions = [one for one in descriptions if part.lower() in one["ModelPackageGroupName"].lower()]
        found, token = page(MODEL_PACKAGE, descriptions, {k: v for k, v in params.items() if k != "NameContains"})
        return {"ModelPackageSummaryList": found, **token}

    def update(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Approve, reject, or annotate a package; what the request does not name stays as it is."""
        refuse("UpdateModelPackage", params, ["AdditionalInferenceSpecificationsToAdd", "ModelPackageRegistrationType"])
        home, record = self._find(scope, params["ModelPackageArn"])
        before = self.describe(home, {"ModelPackageName": record.arn})
        after = {name: params[name] for name in _UPDATED_MEMBERS if name in params}
        removed = params.get("CustomerMetadataPropertiesToRemove", [])
        if removed or "CustomerMetadataProperties" in after:
            properties = {**before.get("CustomerMetadataProperties", {}), **after.get("CustomerMetadataProperties", {})}
            after["CustomerMetadataProperties"] = {k: v for k, v in properties.items() if k not in removed}
        if "ModelCard" in after:
            after["ModelCard"] = {**before.get("ModelCard", {}), **after["ModelCard"]}
            _check_card(after["ModelCard"])
        self._platform.records(home).change(record, requested=after)
        updated = [name for name in after if name != "ModelCard"]
        events.model_package_changed(home, self.describe(home, {"ModelPackageName": record.arn}), updated)
        return {"ModelPackageArn": record.arn}

    def delete(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a package; its version is not given again."""
        home, record = self._find(scope, params["ModelPackageName"])
        self._platform.records(home).remove(MODEL_PACKAGE, record.arn)
        return {}

    def deployable_container(self, scope: Scope, package: str) -> dict[str, Any]:
        """The container definition of an approved package.

        Raises:
            ValidationError: the package is missing, has no container, or is not approved: "the value of this parameter
                must be set to Approved to deploy the model",
                https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
        """
        description = self.describe(scope, {"ModelPackageName": package})
        status = description["ModelApprovalStatus"]
        if status != "Approved":
            raise ValidationError(
                f"Model package {description['ModelPackageArn']} is {status}; only Approved can deploy."
            )
        containers = description.get("InferenceSpecification", {}).get("Containers", [])
        if len(containers) != 1:
            raise UnsupportedError(
                f"Model package {description['ModelPackageArn']} has {len(containers)} inference containers; the "
                "laptop cloud deploys packages with one."
            )
        container: dict[str, Any] = containers[0]
        return container

    def _find(self, scope: Scope, package: str) -> tuple[Scope, Any]:
        arn = package if package.startswith("arn:") else scope.arn(f"model-package/{package.lower()}")
        home = _find_home(scope, arn)
        return home, self._platform.records(home).find(MODEL_PACKAGE, arn)

    def _packages(self, scope: Scope) -> list[dict[str, Any]]:
        records = self._platform.records(scope)
        return [records.describe(MODEL_PACKAGE, one) for one in records.all(MODEL_PACKAGE)]


def _find_group(scope: Scope, params: dict[str, Any]) -> tuple[Scope, str]:
    """Whose a group is, and its name."""
    given: str = params["ModelPackageGroupName"]
    return _find_home(scope, given), given.rpartition("/")[2]


def _find_home(scope: Scope, given: str) -> Scope:
    if not given.startswith("arn:"):
        return scope
    region, account = given.split(":")[3:5]
    if region != scope.region:
        raise UnsupportedError(f"The laptop cloud shares no model packages between regions: {given}")
    return Scope(account, region)


def _check_card(card: dict[str, Any] | None) -> None:
    if card is None or "ModelCardContent" not in card:
        return
    try:
        json.loads(card["ModelCardContent"])
    except ValueError as error:
        raise ValidationError(f"ModelCardContent is not JSON: {error}") from error
