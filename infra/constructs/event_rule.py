"""Rules: by an event model's pattern or by the clock; what they cannot deliver goes to the dead letters."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.alarm import OperatorAlarm
from infra.constructs.shared import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk.interfaces.aws_events import IRuleRef

    from infra.constructs.machine import Machine
    from infra.constructs.shared import Shared

_OLDEST = Duration.hours(6)
_ATTEMPTS = 20


class _Rule(Construct):
    """A rule's targets, all delivered to with the same patience."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Shared) -> None:
        super().__init__(scope, construct_id)
        self._dead_letters = shared.dead_letters
        self._rule = self._make(shared)
        OperatorAlarm(
            self,
            "FailedInvocations",
            metric=cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name="FailedInvocations",
                dimensions_map=self._dimensions(),
                period=Duration.minutes(1),
                statistic=cloudwatch.Stats.SUM,
            ),
            meaning=f"the rule {construct_id} could not deliver an event; it stands in the dead-letter queue",
            operators=shared.operators,
        )

    @abstractmethod
    def _make(self, shared: Shared) -> events.Rule:
        """The rule itself, without targets."""

    def _dimensions(self) -> dict[str, str]:
        """Of the rule's metrics; they name the bus where it is not the default one.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
        """
        return {"RuleName": self._rule.rule_name}

    def start(self, machine: Machine, *, given: events.RuleTargetInput | None = None) -> None:
        """Start an execution, with the whole event or with what is given."""
        target = targets.SfnStateMachine(machine.machine, input=given, role=machine.starter, **self._delivery())
        self._rule.add_target(target)

    def invoke(self, function: lambda_.IFunction, *, given: events.RuleTargetInput | None = None) -> None:
        """Invoke a function, with the whole event or with what is given."""
        self._rule.add_target(targets.LambdaFunction(function, event=given, **self._delivery()))

    def tell(self, topic: sns.ITopic, *, message: events.RuleTargetInput) -> None:
        """Send a message to a topic that admits rules (`admit_rules`)."""
        # Known by its ARN alone: CDK's own grant would open the topic's key with a wildcard in its actions.
        known = sns.Topic.from_topic_arn(self, "Topic", topic.topic_arn)
        self._rule.add_target(targets.SnsTopic(known, message=message, **self._delivery()))

    def deliver(self, target_arn: str, *, role: iam.IRole) -> None:
        """Put the whole event on a delivery stream, or on another account's bus, as a role that may."""
        self._rule.add_target(
            _Target(
                events.RuleTargetConfig(
                    arn=target_arn,
                    role=role,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=int(_OLDEST.to_seconds()), maximum_retry_attempts=_ATTEMPTS
                    ),
                )
            )
        )

    def _delivery(self) -> dict[str, Any]:
        return {
            "dead_letter_queue": self._dead_letters,
            "max_event_age": _OLDEST,
            "retry_attempts": _ATTEMPTS,
        }


class EventRule(_Rule):
    """From an event to one or more targets.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        shared: what all stacks share.
        pattern: made by an event model's `pattern`.
        from_aws: whether the event stands on the default bus, where AWS services put theirs.
        told_in: the account in which it is told, where that is known: for what AWS tells, the account of what it is
            about; for what only its own account is told, that one. Everything else is told on the hub.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        pattern: Mapping[str, Any],
        from_aws: bool = False,
        told_in: Shared | None = None,
    ) -> None:
        told_in = told_in or (shared if from_aws else None)
        self._pattern = pattern
        self._from_default_bus = from_aws and told_in is shared
        if told_in is not shared:
            shared.wanted.append(Wanted(construct_id, pattern, told_in))
        super().__init__(scope, construct_id, shared=shared)

    def _make(self, shared: Shared) -> events.Rule:
        pattern = self._pattern
        self._bus_name = None if self._from_default_bus else shared.bus.event_bus_name
        return events.Rule(
            self,
            "Rule",
            event_bus=None if self._from_default_bus else shared.bus,
            event_pattern=events.EventPattern(
                source=pattern["source"], detail_type=pattern["detail-type"], detail=pattern.get("detail")
            ),
        )

    def _dimensions(self) -> dict[str, str]:
        if self._bus_name is None:
            return super()._dimensions()
        # What CloudFormation calls such a rule is `<bus>|<rule>`, and no metric knows that. Its ARN ends with
        # `rule/<bus>/<rule>`. https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1131
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
        return {"RuleName": Fn.select(2, Fn.split("/", self._rule.rule_arn)), "EventBusName": self._bus_name}


class TimedRule(_Rule):
    """From the clock to one or more targets.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        shared: what all stacks share.
        every: the time between two deliveries.
    """

    def __init__(self, scope: Construct, construct_id: str, *, shared: Shared, every: Duration) -> None:
        self._every = every
        super().__init__(scope, construct_id, shared=shared)

    def _make(self, shared: Shared) -> events.Rule:  # noqa: ARG002  # the clock stands on no bus of ours
        return events.Rule(self, "Rule", schedule=events.Schedule.rate(self._every))


@jsii.implements(events.IRuleTarget)
class _Target:
    """A target as it is: CDK's own for Firehose knows no dead letters, and that for buses would add a stack."""

    def __init__(self, config: events.RuleTargetConfig) -> None:
        self._config = config

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002, ARG002  # jsii's names
        """What the rule writes down."""
        return self._config
