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
    from collections.abc import Mapping, Sequence

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
FORWARDERS = "forwarding"
"""The stack whose roles bring events from one account's bus to another's."""
UNHEARD = "serving"
"""The stack that speaks in its own account alone, of what apps have to say."""


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


class BusPolicy:
    """What a bus says of who may speak.

    Every event in a part's name is refused that does not come from a role of its stack, or by the hub. Whoever may put
    events anywhere in the account (many roles may) could otherwise announce a snapshot or an outcome. Roles are known
    by how CloudFormation names them, since this stack is made before theirs. People may ask for training: that event
    decides nothing.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html

    Args:
        bus: the bus.
        prefix: the deployment's.
        neighbours: other accounts of the loop; None where all of it is in this one.
    """

    def __init__(self, bus: events.EventBus, *, prefix: str, neighbours: Neighbours | None = None) -> None:
        self._bus, self._stack, self._prefix = bus, Stack.of(bus), prefix
        self._neighbours = neighbours
        self._before: events.CfnEventBusPolicy | None = None
        self._forwarders: set[str] = set()
        for source in sorted({event.source for event in NORIBA_EVENTS}):
            self._silence_others(source)
        if neighbours is not None and neighbours.hub == self._stack.account:
            self._let_parts_speak(neighbours)
            self._let_people_ask(neighbours)

    def let_forward(self, account: str) -> None:
        """Let another account's rules bring events here."""
        if account not in self._forwarders:
            self._forwarders.add(account)
            self._let_in(f"From{account}", [self._name_roles(account, FORWARDERS)], [account])

    def _silence_others(self, source: str) -> None:
        part = source.removeprefix("noriba.").capitalize()
        self._add(
            f"Only{part}Speaks",
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["events:PutEvents"],
                resources=[self._bus.event_bus_arn],
                conditions={
                    "ForAnyValue:StringEquals": {"events:source": [source]},
                    "ForAnyValue:StringNotEquals": {"events:detail-type": [RetrainingRequested.detail_type()]},
                    "ArnNotLike": {"aws:PrincipalArn": self._list_speakers(SPEAKERS[source])},
                },
            ),
        )

    def _list_speakers(self, part: str) -> list[str]:
        if self._neighbours is None:
            return [self._name_roles(self._stack.account, part)]
        roles = [self._name_roles(self._neighbours.accounts[part], part)]
        if self._neighbours.hub != self._stack.account and part != UNHEARD:
            roles.append(self._name_roles(self._neighbours.hub, FORWARDERS))
        return roles

    def _let_parts_speak(self, neighbours: Neighbours) -> None:
        """From another account, it takes the bus's own word as well as one's own policy."""
        here = self._stack.account
        away = {part: account for part, account in neighbours.accounts.items() if account != here}
        parts = [part for part in sorted({*SPEAKERS.values()} - {UNHEARD}) if part in away]
        roles = [self._name_roles(away[part], part) for part in parts]
        if roles:
            self._let_in("NeighboursSpeak", roles, sorted({away[part] for part in parts}))

    def _let_people_ask(self, neighbours: Neighbours) -> None:
        asking: dict[str, Sequence[str]] = {
            "events:source": [RetrainingRequested.source],
            "events:detail-type": [RetrainingRequested.detail_type()],
        }
        self._add(
            "NeighboursAsk",
            iam.PolicyStatement(
                principals=[iam.AccountPrincipal(account) for account in neighbours.list_others(self._stack.account)],
                actions=["events:PutEvents"],
                resources=[self._bus.event_bus_arn],
                # As in `grants.allow_publishing`.
                conditions={"ForAllValues:StringEquals": asking, "Null": dict.fromkeys(asking, "false")},
            ),
        )

    def _let_in(self, name: str, roles: Sequence[str], accounts: Sequence[str]) -> None:
        self._add(
            name,
            iam.PolicyStatement(
                principals=[iam.AccountPrincipal(account) for account in accounts],
                actions=["events:PutEvents"],
                resources=[self._bus.event_bus_arn],
                conditions={"ArnLike": {"aws:PrincipalArn": list(roles)}},
            ),
        )

    def _name_roles(self, account: str, part: str) -> str:
        return name_roles(self._stack.partition, account, f"{self._prefix}-{part}")

    def _add(self, name: str, statement: iam.PolicyStatement) -> None:
        """One after the other: of statements that are put on one bus at once, some have been lost.

        https://github.com/hashicorp/terraform-provider-aws/issues/2888
        """
        policy = events.CfnEventBusPolicy(
            self._stack,
            name,
            event_bus_name=self._bus.event_bus_name,
            # CloudFormation knows a statement by this name alone, in every stack of the account and region.
            # https://github.com/aws/aws-cdk/issues/29627
            statement_id=f"{self._prefix}-{name}",
            statement=statement.to_statement_json(),
        )
        if self._before is not None:
            policy.add_dependency(self._before)
        self._before = policy
