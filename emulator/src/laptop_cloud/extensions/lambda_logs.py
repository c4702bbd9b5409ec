"""What a function's invocation leaves in its log: Lambda's own lines around it, in a stream for each environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import put_log_events

if TYPE_CHECKING:
    from laptop_cloud.extensions.lambda_environment import Outcome
    from laptop_cloud.ministack_seams import Function

Json = dict[str, Any]


def name_log_group(config: Json) -> str:
    """The group that a function's configuration names, or Lambda's own."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def write_log(outcome: Outcome, config: Json, request_id: str, start_s: float | None) -> str:
    """An invocation's log with the lines that Lambda puts around it."""
    duration_ms = outcome.duration_s * 1000
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {int(duration_ms) + 1} ms",
        f"Memory Size: {config.get('MemorySize', 128)} MB",
        f"Max Memory Used: {outcome.peak_memory_mib} MB",
    ]
    if start_s is not None:
        report.append(f"Init Duration: {start_s * 1000:.2f} ms")
    return "\n".join(
        [
            f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}",
            *outcome.log,
            f"END RequestId: {request_id}",
            "\t".join(report),
        ]
    )


def with_one_stream_an_environment(write: Function) -> Function:
    """Logs of an execution environment go into its own stream; any other as MiniStack writes them."""

    def write_either(function: Json, request_id: str, log: str, *args: Any, log_source: str | None = None) -> None:
        if log_source is None or "/[" not in log_source:
            write(function, request_id, log, *args, log_source=log_source)
        else:
            put_log_events(name_log_group(function.get("config") or function), log_source, log.splitlines())

    return write_either
