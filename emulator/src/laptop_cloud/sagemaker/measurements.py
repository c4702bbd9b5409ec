"""What SageMaker says in CloudWatch about each request to an endpoint.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from laptop_cloud.ministack_seams import in_scope, put_metric

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.scopes import Scope


@dataclass(frozen=True)
class Measured:
    """What was asked.

    Args:
        scope: of the caller.
        endpoint: its name.
        config: the name of the endpoint configuration whose fleet was asked.
        variant: the one that was asked.
    """

    scope: Scope
    endpoint: str
    config: str
    variant: str


def measure_invocation(asked: Measured, *, status: int | None, took_s: float) -> None:
    """Tell of one request.

    Args:
        asked: whom it was put to.
        status: that the model answered with; None when no answer came.
        took_s: from the request to the answer.
    """
    dimensions = {"EndpointName": asked.endpoint, "VariantName": asked.variant}
    failed = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    refused = not failed and status is not None and status >= HTTPStatus.BAD_REQUEST
    with in_scope(asked.scope.account, asked.scope.region):
        # A second series by configuration lets an alarm watch the new fleet of a deployment and not the old one:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
        for series in (dimensions, {**dimensions, "EndpointConfigName": asked.config}):
            for metric, value in (
                ("Invocations", 1),
                ("Invocation4XXErrors", int(refused)),
                ("Invocation5XXErrors", int(failed)),
            ):
                put_metric("AWS/SageMaker", metric, value, dimensions=series)
            if status is not None:
                put_metric("AWS/SageMaker", "ModelLatency", took_s * 1e6, unit="Microseconds", dimensions=series)
