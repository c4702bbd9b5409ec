"""The model registry: groups, versioned packages, approval, model cards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.errors import ConflictError, UnsupportedError, ValidationError
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, page

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope

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
        self._by_token: dict[tuple[Scope, str], tuple[dict[str, Any], str]] = {}

    # --- groups ---

    def create_group(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Open a group."""
        refuse("CreateModelPackageGroup", params, ["ManagedConfiguration"])
        return {"ModelPackageGroupArn": self._platform.records(scope).create(MODEL_PACKAGE_GROUP, params).arn}

    def describe_group(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of a group."""
        found = self._platform.records(scope).describe_named(MODEL_PACKAGE_GROUP, _group_name(scope, params))
        # Always there, and empty for a caller who is no user of a SageMaker domain.
        return {"CreatedBy": {}, **found}

    def list_groups(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The groups of an account and region."""
        refuse("ListModelPackageGroups", params, ["CrossAccountFilterOption"])
        records = self._platform.records(scope)
        return records.list_page(MODEL_PACKAGE_GROUP, "ModelPackageGroupSummaryList", params)

    def delete_group(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Close an empty group."""
        name = _group_name(scope, params)
        if any(one["ModelPackageGroupName"] == name for one in self._packages(scope)):
            raise ConflictError(f"Model Package Group {name} cannot be deleted: it still contains model packages.")
        self._platform.records(scope).remove(MODEL_PACKAGE_GROUP, name)
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
        group = _group_name(scope, spec)
        self.describe_group(scope, {"ModelPackageGroupName": group})
        record = self._platform.records(scope).create(
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
        events.model_package_changed(scope, self.describe(scope, {"ModelPackageName": arn}), [])
        return arn

    def describe(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of a package."""
        records = self._platform.records(scope)
        return records.describe(MODEL_PACKAGE, self._find(scope, params["ModelPackageName"]))

    def list_packages(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The packages of a group, or of an account and region."""
        descriptions = self._packages(scope)
        if "ModelPackageGroupName" in params:
            group = self.describe_group(scope, params)["ModelPackageGroupName"]
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
        record = self._find(scope, params["ModelPackageArn"])
        before = self.describe(scope, {"ModelPackageName": record.arn})
        after = {name: params[name] for name in _UPDATED_MEMBERS if name in params}
        removed = params.get("CustomerMetadataPropertiesToRemove", [])
        if removed or "CustomerMetadataProperties" in after:
            properties = {**before.get("CustomerMetadataProperties", {}), **after.get("CustomerMetadataProperties", {})}
            after["CustomerMetadataProperties"] = {k: v for k, v in properties.items() if k not in removed}
        if "ModelCard" in after:
            after["ModelCard"] = {**before.get("ModelCard", {}), **after["ModelCard"]}
            _check_card(after["ModelCard"])
        self._platform.records(scope).change(record, requested=after)
        updated = [name for name in after if name != "ModelCard"]
        events.model_package_changed(scope, self.describe(scope, {"ModelPackageName": record.arn}), updated)
        return {"ModelPackageArn": record.arn}

    def delete(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a package; its version is not given again."""
        record = self._find(scope, params["ModelPackageName"])
        self._platform.records(scope).remove(MODEL_PACKAGE, record.arn)
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

    def _find(self, scope: Scope, package: str) -> Any:
        arn = package if package.startswith("arn:") else scope.arn(f"model-package/{package.lower()}")
        _refuse_foreign(scope, arn)
        return self._platform.records(scope).find(MODEL_PACKAGE, arn)

    def _packages(self, scope: Scope) -> list[dict[str, Any]]:
        records = self._platform.records(scope)
        return [records.describe(MODEL_PACKAGE, one) for one in records.all(MODEL_PACKAGE)]


def _group_name(scope: Scope, params: dict[str, Any]) -> str:
    name: str = params["ModelPackageGroupName"]
    _refuse_foreign(scope, name)
    return name.rpartition("/")[2]


def _refuse_foreign(scope: Scope, name: str) -> None:
    if name.startswith("arn:") and name.split(":")[3:5] != [scope.region, scope.account]:
        raise UnsupportedError(f"The laptop cloud shares no model packages between accounts or regions: {name}")


def _check_card(card: dict[str, Any] | None) -> None:
    if card is None or "ModelCardContent" not in card:
        return
    try:
        json.loads(card["ModelCardContent"])
    except ValueError as error:
        raise ValidationError(f"ModelCardContent is not JSON: {error}") from error
