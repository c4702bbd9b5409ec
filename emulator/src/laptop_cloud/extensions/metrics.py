"""Metrics that AWS services publish about themselves and MiniStack does not.

- `AWS/States` by `StateMachineArn`: executions started, succeeded, failed, aborted, timed out and their time.
  https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
- `AWS/SQS` `ApproximateNumberOfMessagesVisible` by `QueueName`.
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
- `AWS/Lambda` for every invocation: MiniStack counts those through its own `Invoke` API alone, not those of Step
  Functions, EventBridge or API Gateway. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.ticker import Ticker
from laptop_cloud.ministack_seams import Seam, all_records, in_scope, put_metric, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

_QUEUES_EVERY_S = 5.0
_REPEAT_S = 60.0

_EXECUTION_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}

Json = dict[str, Any]


def install() -> Ticker:
    """Close the gap; the answer counts the queues' messages until it is stopped."""
    wrap(Seam.EXECUTION_STATUS, _with_execution_metrics)
    wrap(Seam.RUN_FUNCTION, _with_invocation_metrics)
    wrap(Seam.LAMBDA_METRICS, _throttles_only)
    return Ticker("queue-metrics", QueueGauge().publish, every_s=_QUEUES_EVERY_S)


# --- AWS/States ------------------------------------------------------------------------------------------------------


def _with_execution_metrics(tell: Function) -> Function:
    def tell_and_count(execution: Json) -> None:
        # Counted first: who is told of the end may look at the metric.
        dimensions = {"StateMachineArn": execution["stateMachineArn"]}
        put_metric("AWS/States", _EXECUTION_METRICS[execution["status"]], 1, unit="Count", dimensions=dimensions)
        if execution["stopDate"]:
            took = datetime.fromisoformat(execution["stopDate"]) - datetime.fromisoformat(execution["startDate"])
            took_ms = took.total_seconds() * 1000
            put_metric("AWS/States", "ExecutionTime", took_ms, unit="Milliseconds", dimensions=dimensions)
        tell(execution)

    return tell_and_count


# --- AWS/Lambda ------------------------------------------------------------------------------------------------------


def _with_invocation_metrics(run: Function) -> Function:
    def run_and_count(function: Json, config: Json, *args: Any) -> Any:
        started = time.perf_counter()
        result = run(function, config, *args)
        dimensions = {"FunctionName": config["FunctionName"]}
        failed = 1 if result.get("error") else 0
        put_metric("AWS/Lambda", "Invocations", 1, unit="Count", dimensions=dimensions)
        put_metric("AWS/Lambda", "Errors", failed, unit="Count", dimensions=dimensions)
        # A Python function's own time, where it is known, leaves out the cold start, as Lambda does.
        took_ms = result.get("duration_ms") or (time.perf_counter() - started) * 1000
        put_metric("AWS/Lambda", "Duration", took_ms, unit="Milliseconds", dimensions=dimensions)
        return result

    return run_and_count


def _throttles_only(_original: Function) -> Function:
    """What is left for MiniStack's own counting: the invocations that were refused and so never ran."""

    def count(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: ARG001 -- its names
        # Told twice of an invocation through the API: where it is refused, at no duration, and where it is answered.
        if throttle and not duration_ms:
            put_metric("AWS/Lambda", "Throttles", 1, unit="Count", dimensions={"FunctionName": function_name})

    return count


# --- AWS/SQS ---------------------------------------------------------------------------------------------------------


class QueueGauge:
    """Publishes how many messages wait: when the number changes, and every minute as AWS does."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], tuple[int, float]] = {}

    def publish(self) -> None:
        """Look at every queue of every account once."""
        now = time.time()
        for account, region, url, queue in all_records(Seam.QUEUES):
            with in_scope(account, region):
                reach(Seam.COUNT_MESSAGES)(queue)
                visible = int(queue["attributes"]["ApproximateNumberOfMessages"])
                known, told_at = self._last.get((account, region, url), (None, 0.0))
                if visible == known and now - told_at < _REPEAT_S:
                    continue
                self._last[account, region, url] = visible, now
                name = queue["attributes"]["QueueArn"].rsplit(":", 1)[1]
                dimensions = {"QueueName": name}
                put_metric(
                    "AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, unit="Count", dimensions=dimensions
                )
