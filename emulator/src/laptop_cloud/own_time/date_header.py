"""The `Date` of HTTP answers stays that of this computer.

Programs that are not in the clock sign with real time, and AWS's SDK for JavaScript (so `cdk`) compares it with this
header: where the two differ by more than five minutes it takes its own clock for wrong and asks again, for a minute.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from laptop_cloud.shared_clock import real_time_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Asgi = Callable[[Any, Any, Any], Awaitable[None]]

_NAME = b"date"


def tell_real_date(asgi: Asgi) -> Asgi:
    """The application, with the real date in its answers."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        async def send_dated(message: Any) -> None:
            if message["type"] == "http.response.start":
                others = [pair for pair in message.get("headers", ()) if pair[0].lower() != _NAME]
                date = formatdate(real_time_s(), usegmt=True).encode()
                message = {**message, "headers": [*others, (_NAME, date)]}
            await send(message)

        await asgi(scope, receive, send_dated)

    return serve
