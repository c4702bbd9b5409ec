"""Who besides the management account may look at the organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_organizations as organizations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from infra.organisation.scope import Scope

# https://docs.aws.amazon.com/organizations/latest/userguide/security_iam_resource-based-policy-examples.html
_LOOK = (
    *("DescribeAccount", "DescribeEffectivePolicy", "DescribeOrganization", "DescribeOrganizationalUnit"),
    *("DescribePolicy", "ListAWSServiceAccessForOrganization", "ListAccounts", "ListAccountsForParent"),
    *("ListChildren", "ListDelegatedAdministrators", "ListDelegatedServicesForAccount"),
    *("ListOrganizationalUnitsForParent", "ListParents", "ListPolicies", "ListPoliciesForTarget", "ListRoots"),
    *("ListTagsForResource", "ListTargetsForPolicy"),
)


class DelegationStack(Stack):
    """By itself, so that what can fail here undoes no account: an organisation has one such policy, or none."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope, accounts: Mapping[str, str]) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: who sees the organisation")
        topology = shared.topology
        # The account of events and models, where people govern, sees the organisation and changes nothing of it:
        # who could change guardrails there would not be bound by them.
        organizations.CfnResourcePolicy(
            self,
            "Delegation",
            content={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Look",
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:{topology.partition}:iam::{accounts[topology.parts.registry]}:root"},
                        "Action": [f"organizations:{action}" for action in _LOOK],
                        "Resource": "*",
                    }
                ],
            },
        )
