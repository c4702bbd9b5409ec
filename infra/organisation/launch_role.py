"""The role that CloudFormation acts as when a product is launched, so that whoever launches it needs no rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

_STACKS = ("CreateStack", "DeleteStack", "DescribeStackEvents", "DescribeStacks", "SetStackPolicy", "UpdateStack")


def make_launch_role(
    scope: Construct, construct_id: str, *, statements: Sequence[iam.PolicyStatement], wildcards: Sequence[str]
) -> iam.Role:
    """A role for Service Catalog alone.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        statements: what the product's template makes.
        wildcards: the patterns among their resources, as cdk-nag writes them.

    https://docs.aws.amazon.com/servicecatalog/latest/adminguide/constraints-launch.html
    """
    stack = Stack.of(scope)
    role = iam.Role(
        scope,
        construct_id,
        # Without a condition: nothing says that Service Catalog tells from which account it comes.
        assumed_by=iam.ServicePrincipal("servicecatalog.amazonaws.com"),
        description="Service Catalog launches a product of Noriba",
    )
    launched = stack.format_arn(service="cloudformation", resource="stack", resource_name="SC-*")
    policy = iam.ManagedPolicy(
        scope,
        f"{construct_id}Policy",
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=[f"cloudformation:{action}" for action in _STACKS], resources=[launched]),
            # These two are of no stack yet.
            iam.PolicyStatement(
                actions=["cloudformation:GetTemplateSummary", "cloudformation:ValidateTemplate"], resources=["*"]
            ),
            iam.PolicyStatement(
                actions=["s3:GetObject"],
                resources=["*"],
                conditions={"StringEquals": {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}},
            ),
            *statements,
        ],
    )
    acknowledge_wildcard(
        policy,
        "*",
        f"arn:<AWS::Partition>:cloudformation:{stack.region}:{stack.account}:stack/SC-*",
        *wildcards,
        reason="stacks of launches and their templates, in a bucket of Service Catalog's, have no names beforehand",
    )
    return role
