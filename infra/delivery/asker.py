"""Whoever asks staging's API whether it answers: finds the deployment and its key, and may nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.grants import allow, format_arn, write_arn

if TYPE_CHECKING:
    from constructs import Construct

    from infra.delivery.scope import Scope


class AskerStack(Stack):
    """In staging's account, for the pipeline's build that runs `noriba predict`."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope, prefix: str) -> None:
        super().__init__(scope, construct_id, description="Noriba: who asks staging before production is deployed")
        home = shared.find_id(shared.delivery.account)
        ours = {"ArnEquals": {"aws:PrincipalArn": shared.runner_arn}}
        role = iam.Role(
            self,
            "Asker",
            role_name=shared.asker_role,
            # By its name and not as the principal: IAM refuses a role that is not there yet, and forgets one that was
            # made anew. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
            assumed_by=iam.AccountPrincipal(home).with_conditions(ours),
            description="Noriba: the integration test asks the API",
        )
        let_ask(role, prefix=prefix)


def let_ask(role: iam.Role, *, prefix: str) -> None:
    """What `noriba predict` needs: the stacks' outputs, and the app's key; the API itself is open to who has that."""
    stack = Stack.of(role)
    stacks = format_arn(stack, "cloudformation", f"stack/{prefix}-*")
    keys = f"arn:{stack.partition}:apigateway:{stack.region}::/apikeys/*"
    allow(role, ["cloudformation:DescribeStacks"], [stacks])
    allow(role, ["apigateway:GET"], [keys])
    acknowledge_wildcard(
        role,
        write_arn(stacks),
        write_arn(keys),
        reason="stacks and keys get their ids when they are made; the account is staging's",
    )
