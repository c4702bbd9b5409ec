"""Serving code that somebody has broken: a copy of the model container starts one of these as its `serve`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import server

if TYPE_CHECKING:
    from server import Receive, Scope, Send

_SLOW_S = 0.15
"""Far more than five times what the champion takes, on any computer."""
_GOOD_ANSWERS = 40
"""More than golden requests are."""


class Slow(server.ModelServer):
    """Takes its time, with as many requests at once as come."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, late."""
        if scope.get("path") == "/invocations":
            await asyncio.sleep(_SLOW_S)
        await super().__call__(scope, receive, send)


class Short(server.ModelServer):
    """Forgets the last row."""

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation."""
        status, answered = super().answer(body)
        document = json.loads(answered)
        for name in ("low", "value", "high"):
            document[name] = document[name][:-1]
        return status, json.dumps(document).encode()


class WearingOut(server.ModelServer):
    """Answers well for a while, and then that it does not know."""

    answered = 0

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation."""
        status, answered = super().answer(body)
        self.answered += 1
        if self.answered <= _GOOD_ANSWERS:
            return status, answered
        document = json.loads(answered)
        return status, json.dumps({**document, "value": [float("nan")] * len(document["value"])}).encode()


class Wordless(server.ModelServer):
    """Answers JSON that is no answer."""

    def answer(self, _body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation."""
        return 200, b'{"eta_s": null}'


def serve(kind: str) -> None:
    """Serve as `server` does, by one of these classes."""
    server.ModelServer = {one.__name__: one for one in (Slow, Short, WearingOut, Wordless)}[kind]  # type: ignore[misc]
    server.main()
