"""Policies of model package groups, which let other accounts register, approve and deploy.

A group's policy speaks of the group and of its packages, and of making a model of one: `sagemaker:CreateModel` on
`model-package/<group>/*`.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.resource_policies import ask_policy_by
from laptop_cloud.sagemaker.errors import ValidationError
from laptop_cloud.sagemaker.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.extensions.resource_policies import Owned

_KINDS = ("model-package-group", "model-package")


class GroupPolicies:
    """The policies of all groups, which are asked from now on, and the API operations on them.

    Args:
        describe_group: answers `DescribeModelPackageGroup`.
    """

    def __init__(self, describe_group: Callable[[Scope, dict[str, Any]], dict[str, Any]]) -> None:
        self._describe_group = describe_group
        self._policies: dict[tuple[Scope, str], str] = {}
        ask_policy_by("sagemaker", self._find)

    def put(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Give a group a policy instead of the one that it had."""
        check_policy(params["ResourcePolicy"])
        group = self._describe_group(scope, params)
        self._policies[scope, group["ModelPackageGroupName"].lower()] = params["ResourcePolicy"]
        return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}

    def get(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The policy of a group."""
        group = self._describe_group(scope, params)
        policy = self._policies.get((scope, group["ModelPackageGroupName"].lower()))
        if policy is None:
            raise ValidationError(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
        return {"ResourcePolicy": policy}

    def delete(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Let nobody else in any more, where somebody was."""
        self.get(scope, params)
        self.forget(scope, params["ModelPackageGroupName"])
        return {}

    def forget(self, scope: Scope, group: str) -> None:
        """Keep no policy of a group that is gone."""
        self._policies.pop((scope, group.lower()), None)

    def _find(self, owned: Owned) -> str | None:
        kind, _, name = owned.resource.partition("/")
        group = name.partition("/")[0].lower()
        return self._policies.get((Scope(owned.account, owned.region), group)) if kind in _KINDS else None


def check_policy(policy: str) -> None:
    """Refuse what is no policy.

    Raises:
        ValidationError: it is not JSON, or has no statements.
    """
    try:
        document: Any = json.loads(policy)
    except ValueError as error:
        raise ValidationError(f"ResourcePolicy is not JSON: {error}") from error
    if not isinstance(document, dict) or not document.get("Statement"):
        raise ValidationError("ResourcePolicy has no Statement.")
