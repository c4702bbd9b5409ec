"""Step Functions asks Athena and waits for the answer: `athena:startQueryExecution.sync`, which MiniStack has not.

The optimised integration takes and gives what Athena's own API does; with `.sync`, the execution that has ended.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-athena.html
"""

from __future__ import annotations

import json
import time
from typing import Any

from laptop_cloud.ministack_seams import Seam, reach, register_task_integration, task_error

_OPTIMIZED = "arn:aws:states:::athena:"
_SDK = "arn:aws:states:::aws-sdk:athena:"
_ACTIONS = ("startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults")
_PAUSE_S = 0.05

Json = dict[str, Any]


def install() -> None:
    """Close the gap."""
    register_task_integration(_OPTIMIZED, _run)


def _run(resource: str, parameters: Json) -> Json:
    action, _, pattern = resource.removeprefix(_OPTIMIZED).partition(".")
    if action not in _ACTIONS or (pattern and (action, pattern) != ("startQueryExecution", "sync")):
        raise task_error("States.Runtime", f"Step Functions has no integration {resource}.")
    answer = _call(action, parameters)
    return _wait(answer["QueryExecutionId"]) if pattern else answer


def _wait(query: str) -> Json:
    while True:
        ended = _call("getQueryExecution", {"QueryExecutionId": query})
        state = ended["QueryExecution"]["Status"]["State"]
        if state == "SUCCEEDED":
            return ended
        if state in {"FAILED", "CANCELLED"}:
            raise task_error("States.TaskFailed", json.dumps(ended["QueryExecution"]))
        time.sleep(_PAUSE_S)


def _call(action: str, parameters: Json) -> Json:
    answer: Json = reach(Seam.SDK_TASK)(_SDK + action, parameters)
    return answer
