"""Who may speak on a bus: each part in its own name, through its own roles; and who brings events from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from infra.constructs.sharing import name_roles
from noriba.events import NORIBA_EVENTS, RetrainingRequested

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
FORWARDERS = "events"
"""The stack whose roles bring events from one account's bus to another's."""


@dataclass(frozen=True)
class Neighbours:
    """The accounts that a loop is spread over, as one of its buses knows them.

    Attributes:
        accounts: the account of each part.
        hub: the account of the hub.
    """

    accounts: Mapping[str, str]
    hub: str

    def list_others(self, account: str) -> list[str]:
        """All but one's own."""
        return sorted({*self.accounts.values(), self.hub} - {account})


def silence_others(bus: events.EventBus, *, prefix: str, neighbours: Neighbours | None = None) -> None:
    """Refuse every event in a part's name that does not come from a role of its stack, or by the hub.

    Whoever may put events anywhere in the account (many roles may) could otherwise announce a snapshot or an outcome.
    Roles are known by how CloudFormation names them, since this stack is made before theirs. People may ask for
    training: that event decides nothing.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html

    Args:
        bus: the bus.
        prefix: the deployment's.
        neighbours: other accounts of the loop; None where all of it is in this one.
    """
    stack = Stack.of(bus)
    statements = _Statements(bus, prefix)
    for source in sorted({event.source for event in NORIBA_EVENTS}):
        part = source.removeprefix("noriba.").capitalize()
        roles = _list_speakers(stack, source, prefix, neighbours)
        statements.add(
            f"Only{part}Speaks",
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["events:PutEvents"],
                resources=[bus.event_bus_arn],
                conditions={
                    "ForAnyValue:StringEquals": {"events:source": [source]},
                    "ForAnyValue:StringNotEquals": {"events:detail-type": [RetrainingRequested.detail_type()]},
                    "ArnNotLike": {"aws:PrincipalArn": roles},
                },
            ),
        )
    if neighbours is not None:
        _let_neighbours_in(statements, neighbours)


def _list_speakers(stack: Stack, source: str, prefix: str, neighbours: Neighbours | None) -> list[str]:
    part = SPEAKERS[source]
    account = stack.account if neighbours is None else neighbours.accounts[part]
    roles = [name_roles(stack.partition, account, f"{prefix}-{part}")]
    if neighbours is not None and neighbours.hub != stack.account:
        roles.append(name_roles(stack.partition, neighbours.hub, f"{prefix}-{FORWARDERS}"))
    return roles


def _let_neighbours_in(statements: _Statements, neighbours: Neighbours) -> None:
    """From another account, it takes the bus's own word as well as one's own policy."""
    bus, stack, prefix = statements.bus, statements.stack, statements.prefix
    others = neighbours.list_others(stack.account)
    speaking = sorted({*SPEAKERS.values(), FORWARDERS}) if neighbours.hub == stack.account else [FORWARDERS]
    statements.add(
        "NeighboursSpeak",
        iam.PolicyStatement(
            principals=[iam.AccountPrincipal(account) for account in others],
            actions=["events:PutEvents"],
            resources=[bus.event_bus_arn],
            conditions={"ArnLike": {"aws:PrincipalArn": _list_roles(stack, prefix, others, speaking)}},
        ),
    )
    if neighbours.hub != stack.account:
        return
    asking: dict[str, Sequence[str]] = {
        "events:source": [RetrainingRequested.source],
        "events:detail-type": [RetrainingRequested.detail_type()],
    }
    statements.add(
        "NeighboursAsk",
        iam.PolicyStatement(
            principals=[iam.AccountPrincipal(account) for account in others],
            actions=["events:PutEvents"],
            resources=[bus.event_bus_arn],
            # As in `grants.allow_publishing`.
            conditions={"ForAllValues:StringEquals": asking, "Null": dict.fromkeys(asking, "false")},
        ),
    )


def _list_roles(stack: Stack, prefix: str, accounts: Iterable[str], parts: Sequence[str]) -> list[str]:
    return [name_roles(stack.partition, account, f"{prefix}-{part}") for account in accounts for part in parts]


class _Statements:
    """Statements of a bus's policy, one after the other: of those put on one bus at once, some have been lost.

    https://github.com/hashicorp/terraform-provider-aws/issues/2888
    """

    def __init__(self, bus: events.EventBus, prefix: str) -> None:
        self.bus, self.stack, self.prefix = bus, Stack.of(bus), prefix
        self._before: events.CfnEventBusPolicy | None = None

    def add(self, name: str, statement: iam.PolicyStatement) -> None:
        """Add a statement, by a name."""
        policy = events.CfnEventBusPolicy(
            self.stack,
            name,
            event_bus_name=self.bus.event_bus_name,
            # CloudFormation knows a statement by this name alone, in every stack of the account and region.
            # https://github.com/aws/aws-cdk/issues/29627
            statement_id=f"{self.prefix}-{name}",
            statement=statement.to_statement_json(),
        )
        if self._before is not None:
            policy.add_dependency(self._before)
        self._before = policy
