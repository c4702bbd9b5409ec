"""What SageMaker says in CloudWatch about each request to an endpoint.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from laptop_cloud.ministack_seams import in_scope, put_metric

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.scopes import Scope


def measure_invocation(scope: Scope, endpoint: str, variant: str, *, status: int | None, took_s: float) -> None:
    """Tell of one request.

    Args:
        scope: of the caller.
        endpoint: its name.
        variant: the one that was asked.
        status: that the model answered with; None when no answer came.
        took_s: from the request to the answer.
    """
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    failed = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    refused = not failed and status is not None and status >= HTTPStatus.BAD_REQUEST
    with in_scope(scope.account, scope.region):
        for metric, value in (
            ("Invocations", 1),
            ("Invocation4XXErrors", int(refused)),
            ("Invocation5XXErrors", int(failed)),
        ):
            put_metric("AWS/SageMaker", metric, value, dimensions=dimensions)
        if status is not None:
            put_metric("AWS/SageMaker", "ModelLatency", took_s * 1e6, unit="Microseconds", dimensions=dimensions)
