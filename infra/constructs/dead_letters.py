"""Where events go that could not be delivered or dealt with: kept for two weeks, with an alarm from the first on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.alarm import OperatorAlarm
from infra.constructs.grants import format_arn

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns


class DeadLetters(Construct):
    """A dead-letter queue with its alarm."""

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, operators: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(
            self.queue,
            "AwsSolutions-SQS3",
            reason="it is the dead-letter queue of rules and of functions, which are not queues",
        )
        stack = Stack.of(self)
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnLike": {"aws:SourceArn": format_arn(stack, "events", "rule/*")}},
            )
        )
        # Rules of other stacks are handed the queue as if it were not ours: else each would write itself into the
        # queue's policy, and this stack would depend on all that depend on it.
        self.for_rules = sqs.Queue.from_queue_attributes(
            self, "ForRules", queue_arn=self.queue.queue_arn, queue_url=self.queue.queue_url, key_arn=key.key_arn
        )
        OperatorAlarm(
            self,
            "Alarm",
            metric=self.queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
            ),
            meaning="an event could not be delivered or dealt with: read it in the queue, fix the cause, replay it",
            operators=operators,
        )
