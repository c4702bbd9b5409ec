"""Metrics are read beside the requests.

MiniStack goes through all samples of the series that are asked for, in the server's loop: a model that answers fifty
requests a second has ten thousand samples after a minute, and every request would wait for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from laptop_cloud.ministack_seams import Seam, reach

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from laptop_cloud.ministack_seams import Response, ServiceHandler

_READS = "GetMetricData", "GetMetricStatistics"


def install() -> None:
    """Close the gap."""
    handlers = reach(Seam.SERVICE_HANDLERS)
    handlers["monitoring"] = read_beside_requests(handlers["monitoring"])


def read_beside_requests(handler: ServiceHandler) -> ServiceHandler:
    """A handler that leaves the loop to others while metrics are read."""

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        if not _reads(path, headers, body):
            return await handler(method, path, headers, body, query)
        # Others may add samples meanwhile: MiniStack goes through a copy, made in one step (`forget_survivors`).
        return await asyncio.to_thread(asyncio.run, _answer(handler(method, path, headers, body, query)))

    return handle


async def _answer(awaited: Awaitable[Response]) -> Response:
    return await awaited


def _reads(path: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a request asks for samples, in whichever of CloudWatch's protocols: a path, a header or a parameter.

    https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
    """
    operation = path.partition("/operation/")[2] or headers.get("x-amz-target", "").rpartition(".")[2]
    return operation in _READS or any(f"Action={name}&".encode() in body + b"&" for name in _READS)
