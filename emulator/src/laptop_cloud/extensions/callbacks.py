"""States that wait with a task token: their timeout may stand in the input, and they end with their execution.

MiniStack knows `TimeoutSeconds` of such a state, but not `TimeoutSecondsPath`, and a state whose execution was stopped
waits on. Here a timeout passes as fast as a wait does. https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html#amazon-states-language-task-state-fields
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, task_error, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

Json = dict[str, Any]

_CALLBACK = ".waitForTaskToken"


def install() -> None:
    """Close the gap."""
    waiting = Waiting()
    wrap(Seam.EXECUTE_TASK, waiting.around_task)
    wrap(Seam.EXECUTION_STATUS, waiting.around_status)


class Waiting:
    """The states that wait for an answer, by execution."""

    def __init__(self) -> None:
        self._contexts: dict[str, list[Json]] = defaultdict(list)
        self._lock = threading.Lock()

    def around_task(self, execute: Function) -> Function:
        """Run a state with the timeout that it means, and know of it as long as it waits."""

        def execute_task(state: Json, given: Any, execution: Json, context: Json) -> Any:
            if not state.get("Resource", "").endswith(_CALLBACK):
                return execute(state, given, execution, context)
            arn = execution["executionArn"]
            with self._lock:
                self._contexts[arn].append(context)
            try:
                return execute(_state_timeout(state, given), given, execution, context)
            finally:
                with self._lock:
                    # By identity: contexts of parallel branches may look alike.
                    left = [one for one in self._contexts.pop(arn) if one is not context]
                    if left:
                        self._contexts[arn] = left

        return execute_task

    def around_status(self, tell: Function) -> Function:
        """End what waits when its execution ends."""

        def tell_and_end(execution: Json) -> None:
            tell(execution)
            if execution["status"] == "RUNNING":
                return
            with self._lock:
                contexts = [*self._contexts.get(execution["executionArn"], ())]
            for context in contexts:
                token = context.get("Task", {}).get("Token")
                if (waiting := reach(Seam.TASK_TOKENS).get(token)) is not None:
                    waiting["error"] = {"Error": "States.TaskFailed", "Cause": "the execution has ended"}
                    waiting["event"].set()

        return tell_and_end


def _state_timeout(state: Json, given: Any) -> Json:
    """The state with its timeout in seconds of this computer."""
    seconds = state.get("TimeoutSeconds")
    if (path := state.get("TimeoutSecondsPath")) is not None:
        seconds = given
        for name in path.removeprefix("$.").split("."):
            seconds = seconds.get(name) if isinstance(seconds, dict) else None
        if not isinstance(seconds, int) or seconds < 1:
            raise task_error("States.Runtime", f"TimeoutSecondsPath {path} is no whole number of seconds above 0")
    if seconds is None:
        return state
    return {**state, "TimeoutSeconds": seconds * reach(Seam.WAIT_SCALE)}
