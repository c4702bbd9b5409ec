"""The approver's role: read the evidence, approve or reject; neither train nor deploy. And who may take it.

People decide through this role alone, never by a policy of their own: it lasts an hour, asks for a second factor where
that is wished, and its name stands in CloudTrail beside theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.grants import allow, format_arn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.constructs.package_group import PackageGroup


def allow_deciding(role: iam.Role, groups: Iterable[PackageGroup]) -> None:
    """Let the approver's role read candidates, approve and reject them."""
    stack, groups = Stack.of(role), list(groups)
    packages = [f"model-package/{group.name}/*" for group in groups]
    # Lists are checked against packages, not on their group.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    allow(
        role,
        ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:UpdateModelPackage"],
        [format_arn(stack, "sagemaker", package) for package in packages],
    )
    allow(role, ["sagemaker:DescribeModelPackageGroup"], [group.arn for group in groups])
    acknowledge_wildcard(
        role,
        *(f"arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:{package}" for package in packages),
        reason="versions of one group get their numbers from the registry",
    )


def trust_people(*, mfa: bool) -> iam.IPrincipal:
    """Whoever the account lets assume the role, by a policy of theirs; with a second factor where that is asked for.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
    """
    people = iam.AccountRootPrincipal()
    return people.with_conditions({"Bool": {"aws:MultiFactorAuthPresent": "true"}}) if mfa else people
