"""The clock over HTTP, for whoever drives it: read it, move it, see whether anything is going on."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from laptop_cloud.driving import BUSY, CLOCK
from laptop_cloud.shared_clock import ClockError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laptop_cloud.own_time import OwnTime

    Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def serve_clock(asgi: Asgi, own_time: OwnTime) -> Asgi:
    """The application, with the routes of the clock in front: `laptop_cloud.driving` knows how they are asked."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in {CLOCK, BUSY}:
            await asgi(scope, receive, send)
            return
        body = await _read(receive)
        status, answer = await asyncio.to_thread(_answer, own_time, scope["method"], scope["path"], body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return serve


def _answer(own_time: OwnTime, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    if method == "GET":
        return HTTPStatus.OK, own_time.describe_activity() if path == BUSY else own_time.describe()
    if method != "POST" or path != CLOCK:
        return HTTPStatus.METHOD_NOT_ALLOWED, {"message": f"{path} has no {method}"}
    try:
        moment = datetime.fromisoformat(json.loads(body)["to"])
    except (ValueError, KeyError, TypeError):
        return HTTPStatus.BAD_REQUEST, {"message": 'the body must be {"to": "2026-03-01T00:00:00+00:00"}, or the like'}
    if moment.tzinfo is None:
        return HTTPStatus.BAD_REQUEST, {"message": f"to: {moment.isoformat()} names no time zone"}
    try:
        own_time.move_to(moment)
    except ClockError as error:
        return HTTPStatus.CONFLICT, {"message": str(error)}
    return HTTPStatus.OK, own_time.describe()


async def _read(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body
