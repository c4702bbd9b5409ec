"""Rules that bring events of one account to the buses of others, which are there before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.event_rule import EventRule
from infra.constructs.grants import allow, trust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from constructs import Construct

    from infra.constructs.shared import Shared


class ForwardingStack(Stack):
    """Deployed after the events stacks of all accounts that it brings events to.

    EventBridge looks at a target's permission when a rule is made. In a stack of its own, two accounts may each bring
    something to the other.
    """

    def __init__(self, scope: Construct, construct_id: str, *, shared: Shared) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"{shared.settings.prefix}-forwarding",
            description="Noriba: events for other accounts",
            env=shared.environment,
        )
        self._shared = shared

    def bring(self, to: Shared, *, pattern: Mapping[str, Any], construct_id: str, from_aws: bool = False) -> None:
        """Bring events to another account's bus, which lets the roles of this stack in.

        EventBridge brings an event from one account to another and no further: what is told on the hub is put there by
        whoever tells it, and brought to others from there; what AWS tells is brought to whoever waits for it directly.
        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html

        Args:
            to: where they are waited for.
            pattern: which.
            construct_id: of the rule.
            from_aws: whether they stand on the default bus.
        """
        bus_arn, account = to.bus.event_bus_arn, to.stack.account
        rule = EventRule(
            self, construct_id, shared=self._shared, pattern=pattern, from_aws=from_aws, told_in=self._shared
        )
        role_id = f"To{account}"
        role = self.node.try_find_child(role_id)
        if not isinstance(role, iam.Role):
            role = iam.Role(self, role_id, assumed_by=trust("events", self))
            allow(role, ["events:PutEvents"], [bus_arn])
            self.add_stack_dependency(to.stack)
        rule.deliver(bus_arn, role=role)
        # With its policy: the target's permission is looked at when the rule is made.
        rule.node.add_dependency(role)
        to.bus_policy.let_forward(self.account)
