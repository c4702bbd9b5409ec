"""A policy for each kind of person who works with a deployment; nobody has one until an owner attaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam

from infra.constructs.names import name_persona_policy, to_construct_id
from infra.people.personas import PERSONAS

if TYPE_CHECKING:
    from collections.abc import Collection

    from constructs import Construct

    from infra.people.estate import Estate


class PeopleStack(Stack):
    """The policies, attached to nobody.

    Args:
        scope: the application.
        construct_id: its name there.
        estate: what there is, in this account and in others.
        working_here: the personas that this account has; all when None.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, estate: Estate, working_here: Collection[str] | None = None
    ) -> None:
        prefix = estate.shared.settings.prefix
        super().__init__(
            scope,
            construct_id,
            stack_name=f"{prefix}-people",
            description="Noriba: who may do what",
            env=estate.shared.environment,
        )
        for persona, (description, allow_persona) in PERSONAS.items():
            if working_here is not None and persona not in working_here:
                continue
            name = to_construct_id(persona.replace("-", "_"))
            policy = iam.ManagedPolicy(
                self,
                name,
                managed_policy_name=name_persona_policy(persona, prefix=prefix, region=self.region),
                description=description,
            )
            allow_persona(policy, estate)
            CfnOutput(self, f"{name}PolicyArn", value=policy.managed_policy_arn)
