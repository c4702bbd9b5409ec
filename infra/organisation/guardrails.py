"""The guardrails: service control policies on every unit, and on accounts that were there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_organizations as organizations

from infra.organisation.names import name_guardrail, to_words
from infra.organisation.policies import make_service_control_policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from infra.organisation.scope import Scope


class GuardrailsStack(Stack):
    """The organisation must have enabled the policy type."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope, units: Mapping[str, str]) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: guardrails")
        topology = shared.topology
        # CloudFormation moves no account that it did not make: it may stand anywhere, and is bound all the same.
        adopted = [account.id for account in topology.accounts.values() if account.email is None and account.id]
        last: organizations.CfnPolicy | None = None
        for name, document in make_service_control_policies(topology, prefix=shared.prefix).items():
            made = organizations.CfnPolicy(
                self,
                f"{to_words(name)}Policy",
                name=name_guardrail(name, prefix=shared.prefix),
                description=f"Noriba: what nobody may do ({name})",
                type="SERVICE_CONTROL_POLICY",
                content=document,
                target_ids=[*units.values(), *adopted],
            )
            if last is not None:
                # One after the other, as all that changes an organisation.
                made.add_resource_dependency(last)
            last = made
