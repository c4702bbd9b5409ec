"""What the monitor's findings set off: an alarm for each, and one for all that a new training may mend.

The five alarms send no mail: the finding itself is told in words, with the model and the part of the traffic
(`FindingChanged`). They are what a dashboard shows, and what the one alarm is made of that asks for training: ten
reasons at once are one change of its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from noriba.records.metrics import FINDINGS
from noriba.records.names import name_endpoint, name_world_alarm

if TYPE_CHECKING:
    from noriba.records.metrics import Metric
    from noriba.records.monitoring import Kind

_MENDED_BY_TRAINING: tuple[Kind, ...] = ("accuracy", "coverage", "drift")
"""Missing features and missing outcomes are an app's fault; a model that is trained on them learns it."""


class MonitorAlarms(Construct):
    """Attributes: `alarms` (one a finding), `world_changed` (the one of those that training may mend).

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        use_case: whose model is looked at.
        prefix: the deployment's.
    """

    def __init__(self, scope: Construct, construct_id: str, *, use_case: str, prefix: str) -> None:
        super().__init__(scope, construct_id)
        self.alarms = {
            kind: cloudwatch.Alarm(
                self,
                metric.name,
                # The alarm that joins them says of itself only which of these has changed.
                alarm_name=f"{name_endpoint(use_case, prefix=prefix)}-{kind}-changed",
                metric=read_metric(metric, use_case, prefix=prefix),
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                # Found once an hour; until the next look it stays as it was found.
                treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
                alarm_description=f"{use_case}: {metric.meaning}; `noriba monitor` says what was found",
            )
            for kind, metric in FINDINGS.items()
        }
        self.world_changed = cloudwatch.CompositeAlarm(
            self,
            "WorldChanged",
            composite_alarm_name=name_world_alarm(use_case, prefix=prefix),
            alarm_rule=cloudwatch.AlarmRule.any_of(
                *(
                    cloudwatch.AlarmRule.from_alarm(self.alarms[kind], cloudwatch.AlarmState.ALARM)
                    for kind in _MENDED_BY_TRAINING
                )
            ),
            alarm_description=f"the model of {use_case} no longer fits what it is asked; a new training may mend it",
        )


def read_metric(metric: Metric, use_case: str, *, prefix: str) -> cloudwatch.Metric:
    """A metric that the monitor tells, once in an hour; the largest of several counts."""
    return cloudwatch.Metric(
        namespace=prefix,
        metric_name=metric.name,
        dimensions_map={"service": metric.function, "use_case": use_case},
        period=Duration.hours(1),
        statistic=cloudwatch.Stats.MAXIMUM,
    )
