"""A policy for each kind of person who works with a deployment; nobody has one until an owner attaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam

from infra.constructs.names import to_construct_id
from infra.people.personas import PERSONAS

if TYPE_CHECKING:
    from constructs import Construct

    from infra.people.estate import Estate


def name_policy(prefix: str, persona: str, region: str) -> str:
    """How a permission set of IAM Identity Center, or whoever attaches it to a role, finds a persona's policy.

    Names of policies are those of the account, not of the region: a second one would find them taken.
    https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetcustom.html
    """
    return f"{prefix}-{persona}-{region}"


class PeopleStack(Stack):
    """The policies, attached to nobody."""

    def __init__(self, scope: Construct, construct_id: str, *, estate: Estate) -> None:
        super().__init__(scope, construct_id, description="Noriba: who may do what")
        for persona, (description, allow_persona) in PERSONAS.items():
            name = to_construct_id(persona.replace("-", "_"))
            policy = iam.ManagedPolicy(
                self,
                name,
                managed_policy_name=name_policy(estate.shared.settings.prefix, persona, self.region),
                description=description,
            )
            allow_persona(policy, estate)
            CfnOutput(self, f"{name}PolicyArn", value=policy.managed_policy_arn)
