"""What executions wait for, by the clock: Wait states, retries, and how long an answer with a task token may take.

A wait counts among the activities as one, and not as work: it is for whoever moves the clock to end it.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach, wait_scale, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function
    from laptop_cloud.own_time.activity import Activity
    from laptop_cloud.own_time.timers import Timers

Json = dict[str, Any]


class Waits:
    """Ends waits when they are due.

    Args:
        timers: by which they end.
        activity: that is told of them.
    """

    def __init__(self, timers: Timers, activity: Activity) -> None:
        self._timers = timers
        self._activity = activity

    def install(self) -> None:
        """Take MiniStack's place."""
        wrap(Seam.WAIT, lambda _original: self._sleep)
        wrap(Seam.WAIT_FOR_ANSWER, self._with_timeout)
        wrap(Seam.RUN_EXECUTION, self._activity.around_execution)
        wrap(Seam.EXECUTE_TASK, self._activity.around_task)

    def _sleep(self, seconds: float) -> None:
        over = threading.Event()
        due_s = time.time() + seconds * wait_scale()
        with self._activity.waiting(over.is_set), self._timers.at(due_s, over.set):
            over.wait()

    def _with_timeout(self, wait: Function) -> Function:
        def wait_for_answer(resource: str, given: Any, token: str, state: Json) -> Any:
            limit_s = state.get("TimeoutSeconds")
            # Whoever looks, or ends it, is of no account.
            home = current_account(), current_region()
            with ExitStack() as until:
                until.enter_context(self._activity.waiting(lambda: _is_answered(home, token)))
                if limit_s is not None:
                    until.enter_context(self._timers.at(time.time() + limit_s, lambda: _time_out(home, token)))
                # Real seconds, for ever: the timer ends it.
                return wait(resource, given, token, {**state, "TimeoutSeconds": threading.TIMEOUT_MAX})

        return wait_for_answer


def _is_answered(home: tuple[str, str], token: str) -> bool:
    with in_scope(*home):
        waiting = reach(Seam.TASK_TOKENS).get(token)
    return waiting is not None and bool(waiting["event"].is_set())


def _time_out(home: tuple[str, str], token: str) -> None:
    with in_scope(*home):
        waiting = reach(Seam.TASK_TOKENS).get(token)
    if waiting is not None and not waiting["event"].is_set():
        waiting["error"] = {"Error": "States.Timeout", "Cause": "Task timed out waiting for callback"}
        waiting["event"].set()
