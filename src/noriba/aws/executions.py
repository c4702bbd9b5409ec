"""Executions of state machines: which one dealt with something, and how it went."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from noriba.records.executions import LEFT_UNSAID, UNSAID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_stepfunctions import SFNClient


_RUNNING: Final = "RUNNING"


class Execution(BaseModel):
    """One execution; how it failed, and its input, are known of one that was looked up."""

    model_config = ConfigDict(frozen=True)

    arn: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    cause: str | None = None
    given: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.status == _RUNNING

    @property
    def failed(self) -> bool:
        """Whether it ended, and not as it should."""
        return self.status not in {_RUNNING, "SUCCEEDED", "PENDING_REDRIVE"}

    @property
    def cut_off(self) -> bool:
        """Whether its end is still to be told: no state could catch it, or what it said did not get through."""
        return self.status in UNSAID or (self.status == "FAILED" and self.error in LEFT_UNSAID)

    def read_failure(self) -> tuple[str, str]:
        """The error's name, and the cause as whoever failed put it; who stops an execution need say neither."""
        error, cause = UNSAID.get(self.status, ("States.TaskFailed", "no cause was given"))
        return self.error or error, read_cause(self.cause or "") or cause


def read_cause(cause: str) -> str:
    """What went wrong, of a cause that may be a document: a job's reason, a query's, a function's message."""
    try:
        document = json.loads(cause)
        return str(
            document.get("FailureReason")
            or document.get("errorMessage")
            or document.get("ExitMessage")
            or document.get("Status", {}).get("StateChangeReason")
            or cause
        )
    except (ValueError, AttributeError):
        return cause


def look_up(stepfunctions: SFNClient, execution_arn: str) -> Execution | None:
    """An execution with all that is known of it; None when there is none, or none any more.

    Step Functions forgets 90 days after the end:
    https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    """
    try:
        found = stepfunctions.describe_execution(executionArn=execution_arn)
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return None
    return Execution(
        arn=found["executionArn"],
        status=found["status"],
        started_at=found["startDate"],
        ended_at=found.get("stopDate"),
        error=found.get("error"),
        cause=found.get("cause"),
        given=found.get("input", ""),
    )


def answer_token(stepfunctions: SFNClient, token: str, output: str) -> bool:
    """Answer a state that waits with a token; False when it waits no more."""
    try:
        stepfunctions.send_task_success(taskToken=token, output=output)
    except (stepfunctions.exceptions.TaskDoesNotExist, stepfunctions.exceptions.TaskTimedOut):
        return False
    return True


class MachineHistory:
    """The executions of one state machine."""

    def __init__(self, stepfunctions: SFNClient, machine_arn: str) -> None:
        self._sfn = stepfunctions
        self._machine_arn = machine_arn

    def list_since(self, moment: datetime) -> Iterator[Execution]:
        """Executions begun at or after a moment, the newest first."""
        return takewhile(lambda execution: execution.started_at >= moment, self._list())

    def find(self, words: str, *, since: datetime) -> Execution | None:
        """The newest execution since then whose input holds these words."""
        for execution in self.list_since(since):
            found = self.look_up(execution.arn)
            if found is not None and words in found.given:
                return found
        return None

    def look_up(self, execution_arn: str) -> Execution | None:
        """One execution, with all that is known of it."""
        return look_up(self._sfn, execution_arn)

    def find_newest(self) -> Execution | None:
        """The execution that began last."""
        return next(self._list(), None)

    def list_newest(self, most: int) -> Iterator[Execution]:
        """The newest executions with all that is known of them, the newest first."""
        found = (self.look_up(execution.arn) for execution in islice(self._list(), most))
        return (execution for execution in found if execution is not None)

    def list_running(self) -> Iterator[Execution]:
        """Those that run now, with all that is known of them, the newest first."""
        pages = self._sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self._machine_arn, statusFilter=_RUNNING
        )
        found = (self.look_up(one["executionArn"]) for page in pages for one in page["executions"])
        return (execution for execution in found if execution is not None and execution.is_running)

    def start(self, given: str) -> str:
        """Begin an execution; its ARN."""
        return self._sfn.start_execution(stateMachineArn=self._machine_arn, input=given)["executionArn"]

    def stop(self, execution_arn: str, *, cause: str) -> None:
        """End an execution where it is."""
        self._sfn.stop_execution(executionArn=execution_arn, error="Aborted", cause=cause)

    def find_after(self, earlier_arn: str | None, words: str) -> Execution | None:
        """The first execution after an earlier one (of all when None) whose input holds these words.

        By order and not by time: the clock here need not be that of Step Functions.
        """
        later = list(takewhile(lambda execution: execution.arn != earlier_arn, self._list()))
        for execution in reversed(later):
            found = self.look_up(execution.arn)
            if found is not None and words in found.given:
                return found
        return None

    def count(self) -> dict[str, int]:
        """The latest hundred executions by status."""
        counts: dict[str, int] = {}
        page = self._sfn.list_executions(stateMachineArn=self._machine_arn, maxResults=100)
        for found in page["executions"]:
            counts[found["status"]] = counts.get(found["status"], 0) + 1
        return counts

    def _list(self) -> Iterator[Execution]:
        """All executions, the newest first."""
        pages = self._sfn.get_paginator("list_executions").paginate(stateMachineArn=self._machine_arn)
        for page in pages:
            for found in page["executions"]:
                yield Execution(arn=found["executionArn"], status=found["status"], started_at=found["startDate"])
