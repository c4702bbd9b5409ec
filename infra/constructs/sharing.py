"""What one account shares with another: the owner's side of a grant, written beside the grant itself.

AWS asks both: the policy of whoever comes, and that of what they come to.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html

The owner lets in the roles of a stack, by how CloudFormation names them, and not each role by its ARN: a policy that
names a role that is not there yet is refused, and the owner is deployed before those who come. Which role of that stack
may do what, its own policy says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import IResource
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from constructs import IConstruct

    Owned: TypeAlias = s3.IBucket | dynamodb.ITable | kms.IKey

KEPT_OF_A_NAME = 20
"""CloudFormation shortens a long stack's name when it makes a role's of it; so much of it stays."""
_ITSELF = "*"
"""A policy of a table or key that named its ARN would wait for what it belongs to."""


def is_elsewhere(grantee: IConstruct, owned: IResource) -> bool:
    """Whether something belongs to another account than whoever is to use it."""
    return Stack.of(grantee).environment != Stack.of(owned).environment


def admit(grantee: IConstruct, owned: Owned, actions: Sequence[str], resources: Sequence[str] = (_ITSELF,)) -> None:
    """Let a role of another account in; at home, its own policy is enough.

    Args:
        grantee: the role; who else is in its stack is let in with it.
        owned: a bucket, table or key.
        actions: what it may do.
        resources: of a bucket, which objects; the table or key itself when left out.
    """
    if not is_elsewhere(grantee, owned):
        return
    # Every table here is a `Table`, and an `ITable` that is kept is nobody else's.
    owned.add_to_resource_policy(let_stack(Stack.of(grantee), actions, resources))  # type: ignore[union-attr]


def let_stack(
    stack: Stack, actions: Sequence[str], resources: Sequence[str], **conditions: dict[str, object]
) -> iam.PolicyStatement:
    """A statement that lets the roles of a stack in another account do something."""
    roles = name_roles(stack.partition, stack.account, stack.stack_name)
    return iam.PolicyStatement(
        principals=[iam.AccountPrincipal(stack.account)],
        actions=list(actions),
        resources=list(resources),
        conditions={"ArnLike": {"aws:PrincipalArn": [roles]}, **conditions},
    )


def name_roles(partition: str, account: str, stack_name: str) -> str:
    """The ARNs of a stack's roles, as a pattern."""
    return f"arn:{partition}:iam::{account}:role/{f'{stack_name}-'[:KEPT_OF_A_NAME]}*"
