"""Who called what: every question that is asked of a policy is counted, over HTTP and in process alike.

Alike calls are one row with a count. No bodies, no names of objects or sessions, no values that are data.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from laptop_cloud.calls import CALLS, OTHERS
from laptop_cloud.ministack_seams import Seam, current_account, wrap
from laptop_cloud.policies import find_caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from laptop_cloud.ministack_seams import Function

    Asgi = Callable[[Any, Any, Any], Awaitable[None]]

_ROWS_AT_MOST = 20_000
"""A cloud may run for months; beyond this many rows, a role and an action share one."""
_TOLD = frozenset(
    {
        "dynamodb:attributes",
        "dynamodb:select",
        "events:detail-type",
        "events:source",
        "iam:passedtoservice",
        "s3:x-amz-server-side-encryption",
        "sagemaker:modelapprovalstatus",
    }
)
"""Condition keys whose values may be kept. Others may hold data: a prefix of objects, a tag."""
_FOLDERS = 2
"""How many folders of an object are kept: policies are about these, and what lies deeper may be called after a file."""
_METHOD_AT = 3
"""Segments of an API's ARN up to its method."""

Row = tuple[str, str, str, str, str, bool]
"""Account, principal, action, resource, keys as JSON, and whether it was allowed."""


class CallLog:
    """The calls so far, each kind once."""

    def __init__(self, rows_at_most: int = _ROWS_AT_MOST) -> None:
        self._rows_at_most = rows_at_most
        self._counts: dict[Row, int] = {}
        self._lock = threading.Lock()

    def around(self, enforce: Function) -> Function:
        """Count each question, and how it was answered."""

        def ask(
            access_key: str,
            action: str,
            service: str,
            region: str,
            resource_arn: str = "*",
            service_context: Mapping[str, Any] | None = None,
        ) -> Any:
            denied = enforce(access_key, action, service, region, resource_arn, service_context)
            account, principal = describe_principal(find_caller(access_key))
            keys = json.dumps(select_keys(service_context or {}), sort_keys=True)
            self.count((account, principal, action, cut_resource(resource_arn), keys, denied is None))
            return denied

        return ask

    def count(self, row: Row) -> None:
        """One call more."""
        with self._lock:
            if row not in self._counts and len(self._counts) >= self._rows_at_most:
                account, principal, action, _, _, allowed = row
                row = (account, principal, action, OTHERS, "{}", allowed)
            self._counts[row] = self._counts.get(row, 0) + 1

    def list_calls(self) -> Iterator[dict[str, Any]]:
        """What `laptop_cloud.calls.RecordedCall` reads."""
        with self._lock:
            counted = sorted(self._counts.items())
        for (account, principal, action, resource, keys, allowed), count in counted:
            yield {
                "account": account,
                "principal": principal,
                "action": action,
                "resource": resource,
                "keys": json.loads(keys),
                "allowed": allowed,
                "count": count,
            }


def install() -> CallLog:
    """Record from now on."""
    log = CallLog()
    wrap(Seam.ENFORCE, log.around)
    return log


def serve_calls(asgi: Asgi, log: CallLog) -> Asgi:
    """The application, with the route of the recorded calls in front."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("GET", CALLS):
            await asgi(scope, receive, send)
            return
        body = "".join(f"{json.dumps(call)}\n" for call in log.list_calls()).encode()
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


def describe_principal(arn: str | None) -> tuple[str, str]:
    """Account and principal of a caller's ARN; of a session, the role that was taken.

    The name of a session may be a person's.
    """
    if not arn:
        return current_account(), "nobody"
    *_, account, rest = arn.split(":", 5)
    kind, _, name = rest.partition("/")
    return account, f"role/{name.partition('/')[0]}" if kind == "assumed-role" else rest


def cut_resource(arn: str) -> str:
    """An ARN without what may name people: what an object is called within its folders, the path of a request."""
    *folders, name = arn.split("/")
    if arn.startswith("arn:aws:s3:::"):
        return "/".join([*folders[: 1 + _FOLDERS], ""]) if folders else name
    if arn.startswith("arn:aws:execute-api:"):
        return "/".join([*folders[:_METHOD_AT], ""]) if len(folders) >= _METHOD_AT else arn
    return arn


def select_keys(context: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that were known, in small letters; of several values each one once."""
    known = {name.lower(): value for name, value in context.items() if value is not None}
    return {name: _sort(value) if name in _TOLD else None for name, value in known.items()}


def _sort(value: Any) -> Any:
    return sorted(set(value)) if isinstance(value, list) else value
