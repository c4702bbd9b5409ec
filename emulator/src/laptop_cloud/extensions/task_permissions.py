"""What a state machine does, the role of its task must allow; MiniStack by itself asks nobody.

Who answers a task that waits must be allowed to answer for the machine that waits.
"""

from __future__ import annotations

import json
import re
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions import task_credentials
from laptop_cloud.extensions.authorization import find_by
from laptop_cloud.extensions.task_credentials import Task
from laptop_cloud.ministack_seams import Seam, current_account, current_region, reach, task_error, wrap
from laptop_cloud.policies import find_role_refusal
from laptop_cloud.sagemaker.permissions import Permission, list_permissions
from laptop_cloud.sagemaker.scopes import current_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laptop_cloud.ministack_seams import Function

_TASK = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(?P<service>[a-z0-9]+):(?P<call>[A-Za-z]+)(?:\..+)?")
_PREFIXES = {"sfn": "states"}
_IN_SMALL_LETTERS = {"states", "ecr"}
"""Services whose parameters begin with a small letter, though a task writes them with a capital one."""


_TOKENS_AT_MOST = 10_000


class Machines:
    """Which machine a thread works for, and which ones wait for an answer, or have waited.

    Who answers late is told that nobody waits any more, and is not refused: the token says of which machine it is.
    """

    def __init__(self) -> None:
        self._current: ContextVar[Task | None] = ContextVar("task", default=None)
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def around_task(self, execute: Function) -> Function:
        """Know whose task it is."""

        def execute_task(state: Any, task_input: Any, execution: dict[str, Any] | None, *rest: Any) -> Any:
            machine = _find_machine((execution or {}).get("stateMachineArn", ""))
            token = self._current.set(None if machine is None else Task(machine, state, task_input, *rest[:1]))
            try:
                return execute(state, task_input, execution, *rest)
            finally:
                self._current.reset(token)

        return execute_task

    def around_call(self, invoke: Function) -> Function:
        """Ask the task's role before a service is called."""

        def invoke_resource(resource: str, given: Any) -> Any:
            if (task := self._current.get()) is None:
                return invoke(resource, given)
            with task.as_its_role() as role:
                _ask(role, resource, given)
                return invoke(resource, given)

        return invoke_resource

    def around_wait(self, wait: Function) -> Function:
        """Know which machine a token is of."""

        def wait_for_answer(resource: str, given: Any, token: str, state: Any) -> Any:
            if (task := self._current.get()) is None:
                return wait(resource, given, token, state)
            self._keep(token, task.machine["stateMachineArn"])
            with task.as_its_role() as role:
                # What is called with the token does not go through `invoke_resource`.
                _ask(role, resource, given)
                return wait(resource, given, token, state)

        return wait_for_answer

    def _keep(self, token: str, machine: str) -> None:
        with self._lock:
            self._tokens[token] = machine
            if len(self._tokens) > _TOKENS_AT_MOST:
                del self._tokens[next(iter(self._tokens))]

    def find_waiting(self, request: dict[str, Any], _here: str) -> str | None:
        """An answer to a task is about the machine that waits for it, or did."""
        return self._tokens.get(request.get("taskToken", ""))


def install() -> None:
    """Close the gap."""
    task_credentials.install()
    machines = Machines()
    wrap(Seam.EXECUTE_TASK, machines.around_task)
    wrap(Seam.INVOKE_RESOURCE, machines.around_call)
    wrap(Seam.WAIT_FOR_ANSWER, machines.around_wait)
    find_by("states", machines.find_waiting)


def _find_machine(arn: str) -> dict[str, Any] | None:
    """A machine, or the one whose map it is: children of a distributed map are told by a label behind its name."""
    machines = reach(Seam.STATE_MACHINES)
    found: dict[str, Any] | None = machines.get(arn) or machines.get(arn.partition("/")[0])
    return found


def _ask(role: str, resource: str, given: Any) -> None:
    """Let a task go on that its role allows.

    Raises:
        Exception: `States.Permissions`, which no retrier for passing faults matches.
            https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    for action, about, keys in list_task_permissions(resource, given if isinstance(given, dict) else {}):
        if (why := find_role_refusal(role, action, about, keys)) is not None:
            raise task_error("States.Permissions", why)


def list_task_permissions(resource: str, given: dict[str, Any]) -> Iterator[Permission]:
    """What a task's call needs; nothing for what calls no service."""
    if resource.startswith("arn:aws:lambda:"):
        yield Permission("lambda:InvokeFunction", resource, {})
        return
    if (match := _TASK.fullmatch(resource)) is None:
        return
    service = _PREFIXES.get(match["service"], match["service"])
    call = match["call"][0].upper() + match["call"][1:]
    if service == "lambda":
        name = str(given.get("FunctionName", ""))
        here = f"arn:aws:lambda:{current_region()}:{current_account()}:function:{name}"
        yield Permission("lambda:InvokeFunction", name if name.startswith("arn:") else here, {})
    elif service == "sagemaker":
        yield from list_permissions(current_scope(), call, given)
    else:
        action = f"{service}:{call}"
        body = json.dumps({_spell(service, name): value for name, value in given.items()}).encode()
        request: tuple[Any, ...] = (service, "POST", "/", {}, body, {}, current_region(), current_account())
        keys = reach(Seam.REQUEST_CONTEXT)(service, action, body, {})
        yield Permission(action, reach(Seam.REQUEST_RESOURCE)(*request), keys)
        if service == "events":
            for bus in reach(Seam.EVENT_RESOURCES)(body, current_region(), current_account())[1:]:
                yield Permission(action, bus, keys)


def _spell(service: str, name: str) -> str:
    return name[:1].lower() + name[1:] if service in _IN_SMALL_LETTERS else name
