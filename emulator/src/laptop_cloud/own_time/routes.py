"""The clock over HTTP, for whoever drives it: read it, move it, see whether anything is going on."""

from __future__ import annotations

import asyncio
import json
import math
import time
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from laptop_cloud.driving import BUSY, CLOCK
from laptop_cloud.shared_clock import ClockError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laptop_cloud.own_time import OwnTime

    Asgi = Callable[[Any, Any, Any], Awaitable[None]]


_SETTLED_S = 0.1
"""How long nothing must begin or end: one piece of work hands over to the next within less."""
_LOOK_S = 0.02


def serve_clock(asgi: Asgi, own_time: OwnTime) -> Asgi:
    """The application, with the routes of the clock in front: `laptop_cloud.driving` knows how they are asked."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in {CLOCK, BUSY}:
            await asgi(scope, receive, send)
            return
        body = await _read(receive)
        patience_s = parse_qs(scope["query_string"]).get(b"until_idle_s")
        if scope["path"] == BUSY and scope["method"] == "GET" and patience_s:
            status, answer = await _wait(own_time, patience_s[0])
        else:
            status, answer = await asyncio.to_thread(_answer, own_time, scope["method"], scope["path"], body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return serve


async def _wait(own_time: OwnTime, patience: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
    try:
        patience_s = float(patience)
    except ValueError:
        patience_s = math.nan
    if not math.isfinite(patience_s):
        return HTTPStatus.BAD_REQUEST, {"message": "until_idle_s is a number of seconds, 10 or the like"}
    return HTTPStatus.OK, await _wait_until_idle(own_time, patience_s)


async def _wait_until_idle(own_time: OwnTime, patience_s: float) -> dict[str, Any]:
    """What is going on when nothing has been for a moment, or when patience is over; `idle` says which."""
    end_s = time.monotonic() + patience_s
    changes, since_s = None, time.monotonic()
    while True:
        found = await asyncio.to_thread(own_time.describe_activity)
        if found["busy"] or found["changes"] != changes:
            changes, since_s = found["changes"], time.monotonic()
        idle = time.monotonic() - since_s >= _SETTLED_S
        if idle or time.monotonic() > end_s:
            return {**found, "idle": idle}
        await asyncio.sleep(_LOOK_S)


def _answer(own_time: OwnTime, method: str, path: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
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
