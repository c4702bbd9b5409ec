"""A state machine's own `TimeoutSeconds` ends an execution that takes too long.

MiniStack honours the timeout of a Task state but not that of the state machine. On AWS such an execution becomes
TIMED_OUT with the error `States.Timeout`:
https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
And an execution that was ended, so or by `StopExecution`, stays as it is when the task it left behind fails later.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.ticker import Ticker
from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laptop_cloud.ministack_seams import Function

_EVERY_S = 1.0

Json = dict[str, Any]


def install() -> Ticker:
    """Close the gap; the answer watches the executions until it is stopped."""
    wrap(Seam.FAIL_EXECUTION, _only_while_running)
    wrap(Seam.RUN_EXECUTION, _known)
    return Ticker("execution-timeouts", end_overdue, every_s=_EVERY_S)


_running: dict[str, tuple[str, str]] = {}
"""Account and region of the executions that run, by ARN: those that have ended are kept, and are thousands."""


def _known(run: Function) -> Function:
    def run_execution(arn: str) -> Any:
        _running[arn] = current_account(), current_region()
        try:
            return run(arn)
        finally:
            del _running[arn]

    return run_execution


def _only_while_running(fail: Function) -> Function:
    def fail_execution(execution: Json, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_execution


def end_overdue() -> None:
    """End every execution that has run for longer than its state machine allows."""
    now = datetime.now(UTC)
    for account, region, execution, due in _find_due():
        if now > due:
            with in_scope(account, region):
                _end(execution, now)


def next_due_s() -> float | None:
    """When the next one is due, in seconds since 1970."""
    return min((due.timestamp() for _account, _region, _execution, due in _find_due()), default=None)


def _find_due() -> Iterator[tuple[str, str, Json, datetime]]:
    """Account, region, execution, and when it must have ended, of all that run and may not for ever."""
    for arn, (account, region) in _running.copy().items():
        with in_scope(account, region):
            execution = reach(Seam.EXECUTIONS).get(arn)
            allowed = _allowed(execution["stateMachineArn"]) if execution else None
        # One that was stopped runs on until its next state.
        if allowed is not None and execution["status"] == "RUNNING":
            yield account, region, execution, datetime.fromisoformat(execution["startDate"]) + allowed


def _allowed(state_machine_arn: str) -> timedelta | None:
    state_machine = reach(Seam.STATE_MACHINES).get(state_machine_arn)
    seconds = json.loads(state_machine["definition"]).get("TimeoutSeconds") if state_machine else None
    return None if seconds is None else timedelta(seconds=seconds)


def _end(execution: Json, now: datetime) -> None:
    # The thread of the execution stops at its next state, because that state begins with a look at the status.
    execution["status"] = "TIMED_OUT"
    execution["error"] = "States.Timeout"
    execution["stopDate"] = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    reach(Seam.EXECUTION_HISTORY)(
        execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    )
    reach(Seam.EXECUTION_STATUS)(execution)
