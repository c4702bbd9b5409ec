"""Who may speak on the bus: each part in its own name, through its own roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from noriba.events import NORIBA_EVENTS, RetrainingRequested

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT_OF_A_NAME = 20
"""CloudFormation shortens a long stack's name when it makes a role's of it; so much of it stays."""
SPEAKERS: Mapping[str, str] = {
    "noriba.data": "data",
    # The retraining decision, as opposed to what the monitor finds.
    "noriba.monitoring": "training",
    "noriba.monitor": "monitoring",
    "noriba.training": "training",
    "noriba.registry": "training",
    "noriba.rollout": "rollout",
    "noriba.serving": "serving",
}
"""Source → the stack whose roles speak in its name."""


def silence_others(bus: events.EventBus, *, prefix: str) -> None:
    """Refuse every event in a part's name that does not come from a role of its stack.

    Whoever may put events anywhere in the account (many roles may) could otherwise announce a snapshot or an outcome.
    Roles are known by how CloudFormation names them, since this stack is made before theirs. People may ask for
    training: that event decides nothing.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
    """
    stack = Stack.of(bus)
    before: events.CfnEventBusPolicy | None = None
    for source in sorted({event.source for event in NORIBA_EVENTS}):
        part = source.removeprefix("noriba.").capitalize()
        beginning = f"{prefix}-{SPEAKERS[source]}-"[:_KEPT_OF_A_NAME]
        roles = f"arn:{stack.partition}:iam::{stack.account}:role/{beginning}*"
        statement = iam.PolicyStatement(
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["events:PutEvents"],
            resources=[bus.event_bus_arn],
            conditions={
                "ForAnyValue:StringEquals": {"events:source": [source]},
                "ForAnyValue:StringNotEquals": {"events:detail-type": [RetrainingRequested.detail_type()]},
                "ArnNotLike": {"aws:PrincipalArn": [roles]},
            },
        )
        policy = events.CfnEventBusPolicy(
            stack,
            f"Only{part}Speaks",
            event_bus_name=bus.event_bus_name,
            # CloudFormation knows a statement by this name alone, in every stack of the account and region.
            # https://github.com/aws/aws-cdk/issues/29627
            statement_id=f"{prefix}-Only{part}Speaks",
            statement=statement.to_statement_json(),
        )
        # One after the other: of statements that are put on one bus at once, some have been lost.
        # https://github.com/hashicorp/terraform-provider-aws/issues/2888
        if before is not None:
            policy.add_dependency(before)
        before = policy
