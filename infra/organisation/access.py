"""IAM Identity Center: a permission set for each persona, given to its groups in the accounts where it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_identitystore as identitystore
from aws_cdk import aws_sso as sso

from infra.constructs.names import name_persona_policy
from infra.organisation.names import (
    CATALOGUE,
    LONGEST_PERMISSION_SET,
    name_permission_set,
    to_words,
)
from infra.topology import PERSONAS, TopologyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Construct

    from infra.organisation.scope import Scope
    from infra.topology import Persona


def keep_to_networks(networks: Sequence[str]) -> dict[str, Any] | None:
    """The inline policy of every permission set: nothing from elsewhere, but what AWS asks in one's name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-ip.html
    """
    if not networks:
        return None
    elsewhere = {
        "NotIpAddress": {"aws:SourceIp": list(networks)},
        "Bool": {"aws:ViaAWSService": "false"},
    }
    statement = {"Sid": "Elsewhere", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": elsewhere}
    return {"Version": "2012-10-17", "Statement": [statement]}


class AccessStack(Stack):
    """Deployed when the personas' policies stand in the accounts: Identity Center assigns nothing without them.

    https://docs.aws.amazon.com/singlesignon/latest/userguide/howtocmp.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope, accounts: Mapping[str, str]) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: who works where")
        self._shared = shared
        self._groups: dict[str, str] = {}
        self._last: sso.CfnAssignment | None = None
        for persona, role in PERSONAS.items():
            if persona in shared.topology.personas:
                policy = name_persona_policy(persona, prefix=shared.prefix, region=shared.topology.regions.home)
                permission_set = self._permit(
                    persona,
                    role.does,
                    role.session_hours,
                    customer_managed_policy_references=[
                        sso.CfnPermissionSet.CustomerManagedPolicyReferenceProperty(name=policy)
                    ],
                )
                for name in shared.topology.list_workplaces(persona):
                    self._assign(persona, permission_set, name, accounts[name])
        self._admit_to_catalogue()

    def _admit_to_catalogue(self) -> None:
        if "administrator" not in self._shared.topology.personas:
            return
        permission_set = self._permit(
            CATALOGUE,
            "launches products of the catalogue",
            1,
            managed_policies=[
                f"arn:{self._shared.topology.partition}:iam::aws:policy/AWSServiceCatalogEndUserFullAccess"
            ],
        )
        self._assign("administrator", permission_set, "management", self._shared.topology.organisation.management)

    def _permit(self, name: str, does: str, session_hours: int, **policies: Any) -> sso.CfnPermissionSet:
        full = name_permission_set(name, prefix=self._shared.prefix)
        if len(full) > LONGEST_PERMISSION_SET:
            raise TopologyError(
                f"prefix: {full} has {len(full)} characters, and a permission set {LONGEST_PERMISSION_SET} at most; "
                "take a shorter prefix"
            )
        return sso.CfnPermissionSet(
            self,
            f"{to_words(name)}PermissionSet",
            instance_arn=self._shared.topology.identity_center.instance,
            name=full,
            description=f"Noriba: {does}",
            session_duration=f"PT{session_hours}H",
            inline_policy=keep_to_networks(self._shared.topology.networks),
            **policies,
        )

    def _assign(self, persona: Persona, permission_set: sso.CfnPermissionSet, account: str, account_id: str) -> None:
        for index, group in enumerate(self._shared.topology.personas[persona].groups):
            number = str(index + 1) if index else ""
            made = sso.CfnAssignment(
                self,
                f"{to_words(persona)}In{to_words(account)}{number}",
                instance_arn=self._shared.topology.identity_center.instance,
                permission_set_arn=permission_set.attr_permission_set_arn,
                principal_type="GROUP",
                principal_id=group.id or self._make_group(group.name or ""),
                target_type="AWS_ACCOUNT",
                target_id=account_id,
            )
            if self._last is not None:
                # Identity Center works at ten of them at most.
                # https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html
                made.add_resource_dependency(self._last)
            self._last = made

    def _make_group(self, name: str) -> str:
        """One group, however many personas it is."""
        key = name.lower()
        if key not in self._groups:
            made = identitystore.CfnGroup(
                self,
                f"Group{len(self._groups) + 1}",
                display_name=name,
                identity_store_id=self._shared.topology.identity_center.store or "",
            )
            # With a group, everybody's membership of it would go.
            # One that was just made, in a deployment that failed, is empty, and would be in the way of the next.
            made.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
            self._groups[key] = made.attr_group_id
        return self._groups[key]
