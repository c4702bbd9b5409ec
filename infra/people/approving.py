"""The approver's role: read the evidence, approve or reject; neither train nor deploy. And who may take it.

People decide through this role alone, never by a policy of their own: it lasts an hour, asks for a second factor where
that is wished, and its name stands in CloudTrail beside theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.grants import allow, write_arn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.constructs.package_group import PackageGroup


def allow_deciding(role: iam.Role, groups: Iterable[PackageGroup]) -> None:
    """Let the approver's role read candidates, approve and reject them."""
    groups = list(groups)
    packages = [group.name_packages() for group in groups]
    # Lists are checked against packages, not on their group.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    allow(
        role,
        ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:UpdateModelPackage"],
        packages,
    )
    allow(role, ["sagemaker:DescribeModelPackageGroup"], [group.arn for group in groups])
    acknowledge_wildcard(
        role,
        *(write_arn(package) for package in packages),
        reason="versions of one group get their numbers from the registry",
    )


def trust_people(scope: Construct, *, mfa: bool, permission_set: str) -> iam.IPrincipal:
    """Whoever the account lets assume the role, by a policy of theirs; and more than that where it is asked for.

    Args:
        scope: where the role stands.
        mfa: whether a second factor is shown, which IAM knows of its own users alone.
            https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
        permission_set: the one that may, by the name that IAM Identity Center gives its roles; anybody when empty.
            https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
    """
    people, conditions = iam.AccountRootPrincipal(), dict[str, dict[str, object]]()
    if mfa:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    if permission_set:
        stack = Stack.of(scope)
        # Its role's name ends otherwise whenever it is made anew; no region is in it for a directory in us-east-1.
        roles = f"arn:{stack.partition}:iam::{stack.account}:role/aws-reserved/sso.amazonaws.com"
        name = f"AWSReservedSSO_{permission_set}_*"
        conditions["ArnLike"] = {"aws:PrincipalArn": [f"{roles}/{name}", f"{roles}/*/{name}"]}
    return people.with_conditions(conditions) if conditions else people
