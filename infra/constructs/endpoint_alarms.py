"""What the operators hear of a production endpoint: that its model fails, or is slow.

SageMaker measures each variant by itself, and a variant is named after the model's version, which no template knows.
So the alarms watch a query: all variants that the endpoint has, together.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarm import OperatorAlarm
from noriba.records.measured import OF_SAGEMAKER
from noriba.records.names import name_endpoint, name_endpoint_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

SLOW_S = 1


class EndpointAlarms(Construct):
    """One for failures, one for slowness; the staging endpoint of a rollout has neither."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        use_case: str,
        prefix: str,
        operators: sns.ITopic,
        namespace: str = OF_SAGEMAKER,
    ) -> None:
        super().__init__(scope, construct_id)
        endpoint_name = name_endpoint(use_case, prefix=prefix)
        OperatorAlarm(
            self,
            "Errors",
            metric=_query("SUM(Invocation5XXErrors)", namespace, endpoint_name, Duration.minutes(1)),
            meaning=f"a model behind {endpoint_name} failed, or gave no answer in time: that in production, or a "
            "challenger (noriba rollout status)",
            operators=operators,
            name=name_endpoint_alarm(use_case, "errors", prefix=prefix),
        )
        OperatorAlarm(
            self,
            "Latency",
            metric=_query("AVG(ModelLatency)", namespace, endpoint_name, Duration.minutes(5)),
            # In microseconds: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
            threshold=SLOW_S * 1_000_000,
            meaning=f"the model behind {endpoint_name} took over {SLOW_S} s on average; its instance may be too small",
            operators=operators,
            name=name_endpoint_alarm(use_case, "latency", prefix=prefix),
        )


def _query(measured: str, namespace: str, endpoint_name: str, period: Duration) -> cloudwatch.MathExpression:
    source = f"SCHEMA(\"{namespace}\", EndpointName, VariantName) WHERE EndpointName = '{endpoint_name}'"
    # No database reads it, and the name is the deployment's own.
    query = f"SELECT {measured} FROM {source}"  # noqa: S608
    return cloudwatch.MathExpression(expression=query, using_metrics={}, period=period)
