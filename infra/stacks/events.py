"""The bus, its archive, its dead letters; and what all stacks share: the key, the operators' topic, the access logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack, Tags
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from infra.constructs.bucket import AccessLogs
from infra.constructs.bus_policy import BusPolicy, Neighbours
from infra.constructs.dead_letters import DeadLetters
from infra.constructs.grants import admit_rules
from infra.constructs.names import KEPT_AS, name_key
from infra.constructs.shared import Shared
from noriba.events import NORIBA_EVENTS

if TYPE_CHECKING:
    from constructs import Construct

    from infra.packages import Packages
    from infra.settings import Settings


@dataclass(frozen=True)
class Place:
    """Where an events stack stands among others.

    Attributes:
        environment: account and region; None for those of whoever deploys.
        neighbours: other accounts of the loop; None where all of it is in one.
        hub_arn: the bus that everybody tells, where it is in another account.
    """

    environment: Environment | None = None
    neighbours: Neighbours | None = None
    hub_arn: str | None = None


HERE = Place()


class EventsStack(Stack):
    """Made first; every other stack of its account is handed `shared`.

    Args:
        scope: the application.
        construct_id: its name there.
        settings: of the deployment.
        packages: of its functions and images.
        place: its account, and others.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, packages: Packages, place: Place = HERE
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"{settings.prefix}-events",
            description="Noriba: the event bus and what all stacks share",
            env=place.environment,
        )
        key = self._make_key(settings, place)
        operators = self._make_operators(key, settings)
        dead_letters = DeadLetters(self, "DeadLetters", key=key, operators=operators)
        bus = events.EventBus(self, "Bus", event_bus_name=settings.prefix)
        policy = BusPolicy(bus, prefix=settings.prefix, neighbours=place.neighbours)
        hub = bus if place.hub_arn is None else events.EventBus.from_event_bus_arn(self, "Hub", place.hub_arn)
        self._archive(bus, settings)
        access_logs = AccessLogs(self, "AccessLogs", days=settings.access_log_days, keep=settings.keep_data)
        self.shared = Shared(
            settings=settings,
            packages=packages,
            key=key,
            bus=bus,
            bus_policy=policy,
            hub=hub,
            dead_letters=dead_letters.for_rules,
            operators=operators,
            access_logs=access_logs.for_buckets,
            environment=place.environment,
        )
        CfnOutput(self, "BusName", value=self.shared.hub_address)
        CfnOutput(self, "AccessLogsBucket", value=access_logs.bucket.bucket_name)
        CfnOutput(self, "DeadLetterQueueUrl", value=dead_letters.queue.queue_url)
        CfnOutput(self, "OperatorsTopicArn", value=operators.topic_arn)

    def _make_operators(self, key: kms.IKey, settings: Settings) -> sns.Topic:
        operators = sns.Topic(self, "Operators", master_key=key, enforce_ssl=True)
        # The policy that enforces TLS takes the place of the default one, under which alarms might publish.
        operators.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[operators.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        admit_rules(operators)
        if settings.operator_email:
            operators.add_subscription(subscriptions.EmailSubscription(settings.operator_email))
        return operators

    def _make_key(self, settings: Settings, place: Place) -> kms.IKey:
        if settings.kept is not None:
            # With its policy: it was kept with everything that it encrypts.
            return kms.Key.from_key_arn(self, "Key", settings.kept.key_arn)
        key = kms.Key(
            self,
            "Key",
            description="Noriba: data, queues and topics",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        Tags.of(key).add(KEPT_AS, "key_arn")
        if place.environment is not None:
            # By which other accounts name it.
            key.add_alias(name_key(settings.prefix))
        # Alarms and rules send to encrypted topics and queues. EventBridge does not say for whom it asks: with a
        # condition on the source, nothing would be delivered.
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
        ours = {"StringEquals": {"aws:SourceAccount": self.account}}
        for service, conditions in (("cloudwatch", ours), ("events", None)):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],  # in a key's own policy: this key
                    conditions=conditions,
                )
            )
        return key

    def _archive(self, bus: events.EventBus, settings: Settings) -> None:
        """Everything that Noriba says, so that it can be replayed and audited."""
        bus.archive(
            "Archive",
            description="All events of Noriba",
            event_pattern=events.EventPattern(source=sorted({event.source for event in NORIBA_EVENTS})),
            retention=Duration.days(settings.archive_days),
        )
