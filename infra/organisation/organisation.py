"""Units and accounts, and who besides the management account may look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_organizations as organizations

from infra.organisation.names import name_unit_export, to_words

if TYPE_CHECKING:
    from constructs import Construct

    from infra.organisation.scope import Scope
    from infra.topology import Account

# https://docs.aws.amazon.com/organizations/latest/userguide/security_iam_resource-based-policy-examples.html
_LOOK = (
    *("DescribeAccount", "DescribeEffectivePolicy", "DescribeOrganization", "DescribeOrganizationalUnit"),
    *("DescribePolicy", "ListAWSServiceAccessForOrganization", "ListAccounts", "ListAccountsForParent"),
    *("ListChildren", "ListDelegatedAdministrators", "ListDelegatedServicesForAccount"),
    *("ListOrganizationalUnitsForParent", "ListParents", "ListPolicies", "ListPoliciesForTarget", "ListRoots"),
    *("ListTagsForResource", "ListTargetsForPolicy"),
)


class OrganisationStack(Stack):
    """`units` and `accounts` are ids by name; those of accounts that exist are the file's."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: units and accounts")
        self._shared = shared
        topology = shared.topology
        self.units = {unit: self._make_unit(unit) for unit in topology.units}
        self.accounts: dict[str, str] = {}
        self._last: organizations.CfnAccount | None = None
        for name, account in topology.accounts.items():
            self.accounts[name] = self._find(name, account)
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
                        "Principal": {
                            "AWS": f"arn:{topology.partition}:iam::{self.accounts[topology.parts.registry]}:root"
                        },
                        "Action": [f"organizations:{action}" for action in _LOOK],
                        "Resource": "*",
                    }
                ],
            },
        )

    def _make_unit(self, unit: str) -> str:
        made = organizations.CfnOrganizationalUnit(
            self,
            f"{to_words(unit)}Unit",
            name=unit,
            parent_id=self._shared.topology.organisation.root,
        )
        # CloudFormation deletes no unit that has accounts.
        made.apply_removal_policy(RemovalPolicy.RETAIN)
        CfnOutput(
            self,
            f"{to_words(unit)}UnitId",
            value=made.attr_id,
            export_name=name_unit_export(unit, prefix=self._shared.prefix),
        )
        return made.attr_id

    def _find(self, name: str, account: Account) -> str:
        """The id of an account, made here where it has an email."""
        if account.email is None:
            assert account.id is not None  # noqa: S101  # the topology has seen to it
            return account.id
        words = to_words(name)
        made = organizations.CfnAccount(
            self,
            f"{words}Account",
            account_name=f"{self._shared.prefix}-{name}",
            email=account.email,
            parent_ids=[self.units[account.unit]],
        )
        # To delete it would close the account.
        made.apply_removal_policy(RemovalPolicy.RETAIN)
        if self._last is not None:
            # Organizations makes one at a time.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-organizations-account.html
            made.add_resource_dependency(self._last)
        self._last = made
        CfnOutput(self, f"{words}AccountId", value=made.attr_account_id)
        return made.attr_account_id
