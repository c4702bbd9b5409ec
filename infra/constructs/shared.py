"""What the stacks of one account share: settings, packages, and the few resources that all of them use.

What goes from one stack to another beside it is handed over by itself: a bucket, a table, an image. Stacks do not know
each other, so that each can stand in another account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_logs as logs

from infra.constructs.names import name_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import Environment
    from aws_cdk import aws_events as events
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from infra.constructs.bus_policy import BusPolicy
    from infra.packages import Packages
    from infra.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """Events that a rule waits for.

    Attributes:
        rule: its name in its stack.
        pattern: which.
        told_in: the account where AWS tells them; None for those that parts tell on the hub.
    """

    rule: str
    pattern: Mapping[str, Any]
    told_in: Shared | None


@dataclass(frozen=True)
class Shared:
    """Settings and packages, and the resources of the account's events stack.

    Attributes:
        settings: of the deployment.
        packages: of its functions and images.
        key: what everything of the account is encrypted with.
        bus: where the account's own rules listen.
        bus_policy: who may speak there.
        hub: where parts tell each other what happened, whichever accounts they are in; in one account, the bus.
        dead_letters: for what rules and functions could not deal with.
        operators: the topic.
        access_logs: of buckets.
        environment: account and region; None for those of whoever deploys.
        wanted: the events that rules of this account wait for, and that are not told here.
    """

    settings: Settings
    packages: Packages
    key: kms.IKey
    bus: events.IEventBus
    bus_policy: BusPolicy
    hub: events.IEventBus
    dead_letters: sqs.IQueue
    operators: sns.ITopic
    access_logs: s3.IBucket
    environment: Environment | None = None
    wanted: list[Wanted] = field(default_factory=list)

    @property
    def log_retention(self) -> logs.RetentionDays:
        """How long logs are kept."""
        return logs.RetentionDays[self.settings.log_retention]

    @property
    def stack(self) -> Stack:
        """The events stack, for what others need to stand in this account."""
        return Stack.of(self.bus)

    @property
    def key_address(self) -> str:
        """How requests from another account name the key: its id is not known before it is made, its alias is."""
        stack = self.stack
        return f"arn:{stack.partition}:kms:{stack.region}:{stack.account}:{name_key(self.settings.prefix)}"

    @property
    def hub_address(self) -> str:
        """How requests name the hub: by its name in its own account, by its ARN elsewhere."""
        return self.hub.event_bus_name if self.hub is self.bus else self.hub.event_bus_arn
