"""Executions of one state machine are listed without a look at those of all others.

MiniStack goes through every execution that there ever was, of all accounts, for each page.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, keep_records, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function, Response

Json = dict[str, Any]
_Key = tuple[str, str, str]
"""Account, region and ARN."""

_asked: ContextVar[str | None] = ContextVar("asked", default=None)
"""The state machine whose executions are being listed."""


def install() -> None:
    """Close the gap."""
    keep_records(Seam.EXECUTIONS, Executions())
    wrap(Seam.LIST_EXECUTIONS, of_one_machine)


def of_one_machine(find: Function) -> Function:
    """Let MiniStack list executions from those of the state machine that is named, if one is."""

    def list_executions(data: Json) -> Response:
        machine = data.get("stateMachineArn")
        token = _asked.set(machine if isinstance(machine, str) else None)
        try:
            answer: Response = find(data)
        finally:
            _asked.reset(token)
        return answer

    return list_executions


class Executions(dict[_Key, Json]):
    """All executions, and those of each state machine; MiniStack puts them in and takes them out by these methods."""

    def __init__(self) -> None:
        super().__init__()
        self._by_machine: dict[str, dict[_Key, Json]] = {}

    def items(self) -> Any:
        """What is looked through: of one state machine, while its executions are being listed."""
        machine = _asked.get()
        return super().items() if machine is None else self._by_machine.get(machine, {}).items()

    def __setitem__(self, key: _Key, execution: Json) -> None:
        self.pop(key, None)
        super().__setitem__(key, execution)
        self._by_machine.setdefault(execution["stateMachineArn"], {})[key] = execution

    def pop(self, key: _Key, *default: Any) -> Any:
        """Take an execution out."""
        if key in self:
            self._by_machine[self[key]["stateMachineArn"]].pop(key, None)
        return super().pop(key, *default)

    def __delitem__(self, key: _Key) -> None:
        self.pop(key)

    def update(self, *given: Any, **named: Any) -> None:
        """Put several in."""
        for key, execution in dict(*given, **named).items():
            self[key] = execution

    def clear(self) -> None:
        """Take everything out."""
        super().clear()
        self._by_machine.clear()
