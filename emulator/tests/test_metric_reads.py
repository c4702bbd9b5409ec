"""Who reads metrics holds up nobody."""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import urlencode

import pytest

from laptop_cloud.extensions.metric_reads import read_beside_requests


@pytest.mark.parametrize("protocol", ["path", "header", "parameter"])
@pytest.mark.parametrize(
    ("operation", "beside"), [("GetMetricData", True), ("GetMetricStatistics", True), ("PutMetricData", False)]
)
def test_samples_are_read_beside_the_loop_and_all_else_in_it(protocol: str, operation: str, beside: bool) -> None:
    threads = []

    async def handler(*_request: object) -> tuple[int, dict[str, str], bytes]:
        threads.append(threading.get_ident())
        return 200, {}, b"read"

    path = f"/service/GraniteServiceVersion20100801/operation/{operation}" if protocol == "path" else "/"
    headers = {"x-amz-target": f"GraniteServiceVersion20100801.{operation}"} if protocol == "header" else {}
    body = urlencode({"Action": operation, "Version": "2010-08-01"}).encode() if protocol == "parameter" else b""

    async def ask() -> tuple[int, dict[str, str], bytes]:
        return await read_beside_requests(handler)("POST", path, headers, body, {})

    assert asyncio.run(ask()) == (200, {}, b"read")
    assert (threads != [threading.get_ident()]) is beside
