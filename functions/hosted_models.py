"""Models in a function's own process: what the functions that have them share."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from functions.telemetry import logger
from noriba.aws.in_process import InProcessEndpoint, ModelCache
from noriba.aws.ledger import Ledger
from noriba.records.measured import ENDPOINT, FAILED, INVOCATIONS, MODEL_LATENCY, REFUSED, VARIANT
from noriba.training.answering import Answerer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from noriba.aws.clients import Clients
    from noriba.records.measured import Measured


@lru_cache
def find_models(clients: Clients) -> ModelCache:
    """The models of this process, whichever endpoint they stand behind."""
    return ModelCache(clients.s3, Answerer.load)


def open_hosted(
    clients: Clients,
    *,
    ledger_table: str,
    use_case: str,
    name: str,
    measure: Callable[[Measured], None] = lambda _measured: None,
    keep: Callable[[Sequence[str]], None] | None = None,
    copies: bool = True,
) -> InProcessEndpoint:
    """An endpoint whose models answer here.

    Args:
        clients: of the function.
        ledger_table: where it stands who answers.
        use_case: whose endpoint.
        name: of the endpoint.
        measure: see `InProcessEndpoint`.
        keep: see `InProcessEndpoint`.
        copies: see `InProcessEndpoint`.
    """
    return InProcessEndpoint(
        name,
        read=lambda: Ledger(clients.dynamodb.Table(ledger_table), use_case).read_hosted_endpoint(name),
        models=find_models(clients),
        measure=measure,
        keep=keep,
        copies=copies,
        warn=logger.warning,
    )


def tell(measured: Measured, *, namespace: str) -> None:
    """Tell CloudWatch how a variant answered, in one line of the log, by SageMaker's own names.

    By hand: Powertools would put the function's name among the dimensions, where alarms look for two of them.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    values: dict[str, float] = {INVOCATIONS: 1, FAILED: int(measured.failed), REFUSED: int(measured.refused)}
    units = dict.fromkeys(values, "Count")
    if measured.latency_us is not None:
        values[MODEL_LATENCY], units[MODEL_LATENCY] = measured.latency_us, "Microseconds"
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": namespace, "Dimensions": [[ENDPOINT, VARIANT]], "Metrics": metrics}
    line = {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
        ENDPOINT: measured.endpoint,
        VARIANT: measured.variant,
        **values,
    }
    print(json.dumps(line))  # noqa: T201  # the log is where CloudWatch reads it
