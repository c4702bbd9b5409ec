"""A task may act as another role than its machine's, in another account too: `Credentials` of a Task state.

The machine's role must be allowed to assume it, it must trust the machine's role, and then the call is made where that
role is.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import (
    Seam,
    current_account,
    current_region,
    in_scope,
    reach,
    replace,
    task_error,
)
from laptop_cloud.policies import acting_as, find_trust_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_home: ContextVar[tuple[str, str] | None] = ContextVar("home", default=None)
"""Account and region of the machine whose task acts elsewhere."""
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")


def install() -> None:
    """Let a task that acts elsewhere be answered where its machine is."""
    replace(Seam.TASK_TOKENS, Tokens(reach(Seam.TASK_TOKENS)))


class Tokens:
    """What waits for an answer, by token, in the account of its machine: who answers is of that account.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token

    Args:
        tokens: MiniStack's, of the current account and region.
    """

    def __init__(self, tokens: Any) -> None:
        self._tokens = tokens

    def __setitem__(self, token: str, waiting: dict[str, Any]) -> None:
        with self._at_home():
            self._tokens[token] = waiting

    def get(self, token: str) -> dict[str, Any] | None:
        """What waits with a token."""
        with self._at_home():
            found: dict[str, Any] | None = self._tokens.get(token)
            return found

    def pop(self, token: str, instead: Any) -> Any:
        """The same, and it waits no more."""
        with self._at_home():
            return self._tokens.pop(token, instead)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._tokens.clear()

    @staticmethod
    def _at_home() -> AbstractContextManager[None]:
        home = _home.get()
        return nullcontext() if home is None else in_scope(*home)


@dataclass(frozen=True)
class Task:
    """One task of an execution.

    Args:
        machine: its record.
        state: as defined.
        given: to the state.
        context: of the execution, `$$`.
    """

    machine: dict[str, Any]
    state: dict[str, Any]
    given: Any
    context: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def as_its_role(self) -> Iterator[str]:
        """Act as the task's role, in its account, in a `with` block; it is given the role's ARN.

        Raises:
            Exception: what fails the task where the role may not be assumed; the same as for what a role may not do.
                https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
        """
        own: str = self.machine["roleArn"]
        role = self._find_role()
        if role is None:
            with acting_as(own):
                yield own
            return
        # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cross-acct-sync-pattern.html
        keys = {"sts:ExternalId": self.machine["stateMachineArn"]}
        if (why := find_trust_refusal(own, role, keys)) is not None:
            raise task_error("States.Permissions", why)
        token = _home.set((current_account(), current_region()))
        try:
            with in_scope(role.split(":")[4], current_region()), acting_as(role):
                yield role
        finally:
            _home.reset(token)

    def _find_role(self) -> str | None:
        """The role that the state names, by its ARN, by a path or by an expression; None where it names none.

        https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
        """
        credentials = self.state.get("Credentials")
        if not credentials:
            return None
        if reach(Seam.STATE_LANGUAGE)(self.state, self.context) == "JSONata":
            filled = reach(Seam.FILL_EXPRESSIONS)(credentials, self.given, self.context)
        else:
            data = reach(Seam.STATE_INPUT)(self.state, self.given, self.context)
            filled = reach(Seam.FILL_PATHS)(credentials, data, self.context)
        role = filled.get("RoleArn")
        if not isinstance(role, str) or not _ROLE.fullmatch(role):
            raise task_error("States.Runtime", f"Credentials.RoleArn of a Task is no ARN of a role: {role!r}")
        return role
