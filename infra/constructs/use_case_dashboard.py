"""A dashboard for each use case: is it right, has the world changed, is it quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.monitor_alarms import read_metric
from noriba.records.metrics import (
    ANSWERS_MEASURED,
    BIAS,
    CANDIDATES_ANSWERED,
    COVERAGE,
    ERROR_RATIO,
    ESTIMATED_ERROR_RATIO,
    INTERVAL_STRETCH,
    MEAN_ABSOLUTE_ERROR,
    MEAN_WIDTH,
    OUTCOMES_MEASURED,
    REQUESTS_ANSWERED,
)
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.constructs.monitor_alarms import MonitorAlarms
    from noriba.records.metrics import Metric
    from noriba.usecase import UseCase

_WIDTH = 8


class UseCaseDashboard(Construct):
    """Attributes: `name`, as the console's address has it.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        use_case: whose.
        prefix: the deployment's.
        alarms: of its monitor.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, use_case: UseCase, prefix: str, alarms: MonitorAlarms
    ) -> None:
        super().__init__(scope, construct_id)
        self._use_case, self._prefix = use_case, prefix
        # Dashboards are those of an account, in all regions.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-dashboard.html
        self.name = f"{name_endpoint(use_case.name, prefix=prefix)}-{Stack.of(self).region}"
        unit = use_case.answer.unit
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self.name,
            default_interval=Duration.days(7),
            widgets=[
                [
                    cloudwatch.TextWidget(
                        markdown=f"# {use_case.title}\n`noriba monitor --use-case {use_case.name}` says it in words.",
                        width=24,
                        height=2,
                    )
                ],
                [
                    cloudwatch.AlarmStatusWidget(
                        alarms=[*alarms.alarms.values(), alarms.world_changed],
                        title="What was found",
                        width=24,
                        height=3,
                    )
                ],
                [
                    self._draw("Error over the hold-out's", ERROR_RATIO, ESTIMATED_ERROR_RATIO),
                    self._draw(f"Error and bias, {unit}", MEAN_ABSOLUTE_ERROR, BIAS),
                    self._draw("Share of outcomes within the interval", COVERAGE),
                ],
                [
                    self._draw("Answers and outcomes, of a day", ANSWERS_MEASURED, OUTCOMES_MEASURED),
                    self._draw(f"Width of intervals, {unit}", MEAN_WIDTH),
                    self._draw_requests(),
                ],
                [self._draw("How far intervals are stretched", INTERVAL_STRETCH)],
            ],
        )

    def _draw(self, title: str, *metrics: Metric) -> cloudwatch.GraphWidget:
        return self._draw_all(title, [read_metric(one, self._use_case.name, prefix=self._prefix) for one in metrics])

    def _draw_requests(self) -> cloudwatch.GraphWidget:
        metrics = [
            read_metric(one, self._use_case.name, prefix=self._prefix).with_(
                period=Duration.minutes(5), statistic=cloudwatch.Stats.SUM
            )
            for one in (REQUESTS_ANSWERED, CANDIDATES_ANSWERED)
        ]
        return self._draw_all("Requests and predictions", metrics)

    def _draw_all(self, title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=list(metrics), width=_WIDTH)
