"""Organizational units and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_organizations as organizations

from infra.organisation.names import name_unit_export, to_words

if TYPE_CHECKING:
    from constructs import Construct

    from infra.organisation.scope import Scope
    from infra.topology import Account


class OrganisationStack(Stack):
    """`units` and `accounts` are ids by name; those of accounts that exist are the file's."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: units and accounts")
        self._shared = shared
        topology = shared.topology
        self._last_unit: organizations.CfnOrganizationalUnit | None = None
        self.units = {unit: self._make_unit(unit) for unit in topology.units}
        self.accounts: dict[str, str] = {}
        self._last: organizations.CfnAccount | None = None
        for name, account in topology.accounts.items():
            self.accounts[name] = self._find(name, account)

    def _make_unit(self, unit: str) -> str:
        made = organizations.CfnOrganizationalUnit(
            self,
            f"{to_words(unit)}Unit",
            name=unit,
            parent_id=self._shared.topology.organisation.root,
        )
        # CloudFormation deletes no unit that has accounts.
        made.apply_removal_policy(RemovalPolicy.RETAIN)
        if self._last_unit is not None:
            # Organizations refuses changes to one parent at a time, and not every maker of units tries again.
            # https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganizationalUnit.html
            made.add_resource_dependency(self._last_unit)
        self._last_unit = made
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
