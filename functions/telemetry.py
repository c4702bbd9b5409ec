"""What every function tells of itself: its log, and what it counts.

Why there is no Tracer: docs/adr/0027-metrics-in-the-log-traces-by-lambda.md.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.shared.constants import METRICS_NAMESPACE_ENV, SERVICE_NAME_ENV

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.records.metrics import Metric

logger = Logger()
"""The function's log; every line has the request's id and the trace's."""


def count(use_case: str, counts: Mapping[Metric, float]) -> None:
    """Count for CloudWatch, in one line of the log (the embedded metric format)."""
    _tell(use_case, counts, MetricUnit.Count)


def gauge(use_case: str, values: Mapping[Metric, float | None]) -> None:
    """Tell CloudWatch how things stand now, as far as it is known; told twice, they stand no differently."""
    if known := {metric: value for metric, value in values.items() if value is not None}:
        _tell(use_case, known, MetricUnit.NoUnit)


def _tell(use_case: str, values: Mapping[Metric, float], unit: MetricUnit) -> None:
    metrics = _open_metrics(os.environ.get(METRICS_NAMESPACE_ENV), os.environ.get(SERVICE_NAME_ENV))
    metrics.add_dimension(name="use_case", value=use_case)
    for metric, value in values.items():
        metrics.add_metric(name=metric.name, unit=unit, value=value)
    metrics.flush_metrics()


@lru_cache
def _open_metrics(namespace: str | None, service: str | None) -> EphemeralMetrics:
    """One for the life of the function: each is empty again when it has told, and making one costs as much."""
    return EphemeralMetrics(namespace=namespace, service=service)
