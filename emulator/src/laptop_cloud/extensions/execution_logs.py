"""A state machine's `loggingConfiguration`: each event of an execution's history is a line in its log group.

MiniStack keeps the configuration and writes nothing. Levels and lines:
https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, put_log_events, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

Json = dict[str, Any]
_ERRORS = ("Failed", "TimedOut", "Aborted")
_FATAL = tuple(f"Execution{ending}" for ending in _ERRORS)
_OWN = {"id", "type", "timestamp"}
_DATA = {"input", "output"}


def install() -> None:
    """Close the gap."""
    wrap(Seam.EXECUTION_HISTORY, _logged)


def _logged(add: Function) -> Function:
    def add_event(execution: Json, event_type: str, details: Json | None = None) -> Json:
        event: Json = add(execution, event_type, details)
        # The first event of an execution comes with the execution, and is not added to it.
        _log(execution, execution["events"][:2] if event["id"] == 2 else [event])  # noqa: PLR2004  # the second
        return event

    return add_event


def _log(execution: Json, events: list[Json]) -> None:
    machine = reach(Seam.STATE_MACHINES).get(execution["stateMachineArn"])
    configuration = _uncapitalize((machine or {}).get("loggingConfiguration", {}))
    level, with_data = configuration.get("level", "OFF"), configuration.get("includeExecutionData", False)
    wanted = [event for event in events if _is_wanted(event["type"], level)]
    lines = [_write_line(execution, event, with_data=with_data) for event in wanted]
    for destination in configuration.get("destinations", ()) if lines else ():
        group = destination["cloudWatchLogsLogGroup"]["logGroupArn"].partition(":log-group:")[2]
        name = execution["stateMachineArn"].rpartition(":")[2]
        stream = f"states/{name}/{time.strftime('%Y-%m-%d-%H-%M', time.gmtime())}"
        put_log_events(group.removesuffix(":*"), stream, lines)


def _uncapitalize(value: Any) -> Any:
    """A template's `LogGroupArn` as the API's `logGroupArn`: MiniStack keeps what CloudFormation gave as it came."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _uncapitalize(inner) for name, inner in value.items()}
    return [_uncapitalize(inner) for inner in value] if isinstance(value, list) else value


def _is_wanted(event_type: str, level: str) -> bool:
    return {
        "ALL": True,
        "ERROR": event_type.endswith(_ERRORS),
        "FATAL": event_type in _FATAL,
    }.get(level, False)


def _write_line(execution: Json, event: Json, *, with_data: bool) -> str:
    told = next((value for name, value in event.items() if name not in _OWN and isinstance(value, dict)), {})
    details = {name: value for name, value in told.items() if with_data or name not in _DATA}
    return json.dumps(
        {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details,
            "previous_event_id": str(event["id"] - 1),
            "event_timestamp": str(int(time.time() * 1000)),
            "execution_arn": execution["executionArn"],
        }
    )
