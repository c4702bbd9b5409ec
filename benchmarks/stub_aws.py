"""AWS on a port of this machine: an endpoint with a model's real answers, and a table without entries.

`python -m benchmarks.stub_aws PORT MODEL_PORT`: a process of its own, so that it takes no time of whoever asks it.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.model import ROOT, describe_tree
from benchmarks.serving import HOST, Asking, Connection, find_port, run_server
from benchmarks.stub_clients import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDPOINT = f"x-Amzn-Invoked-Production-Variant: {VERSION}\r\n"


class _Stub(asyncio.Protocol):
    """One connection. What the model's server answered a body once, it is answered again."""

    def __init__(self, model: Connection, known: dict[bytes, bytes]) -> None:
        self._model, self._known, self._received = model, known, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode("latin-1").lower()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
            whole = end + 4 + int(fields.get("content-length", "0"))
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            self._answer(head, fields, body)

    def _answer(self, head: str, fields: dict[str, str], body: bytes) -> None:
        extra, answered, content_type = "", b"{}", "application/x-amz-json-1.0"
        if "/invocations " in head.partition("\r\n")[0]:
            content_type, extra = fields["content-type"], _ENDPOINT
            answered = self._known.get(body) or self._ask(content_type, body)
        written = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{extra}Content-Length: {len(answered)}\r\n\r\n"
        self._transport.write(written.encode() + answered)  # type: ignore[attr-defined]  # a transport of both ways

    def _ask(self, content_type: str, body: bytes) -> bytes:
        status, answered = self._model.ask(Asking("/invocations", content_type, ()).write(body))
        if status != 200:  # noqa: PLR2004  # OK
            raise RuntimeError(f"the model's server answered {status}: {answered!r}")
        self._known[body] = answered
        return answered


async def _serve(port: int, model_port: int) -> None:
    known: dict[bytes, bytes] = {}
    model = Connection(model_port)
    server = await asyncio.get_running_loop().create_server(lambda: _Stub(model, known), HOST, port)
    await server.serve_forever()


@contextmanager
def serve_stub(model_port: int) -> Iterator[dict[str, str]]:
    """The stub, until the block ends; yields the environment of a function that is to ask it."""
    port = find_port()
    command = [sys.executable, "-m", "benchmarks.stub_aws", str(port), str(model_port)]
    with run_server("the stub of AWS", command, port, describe_tree(ROOT), cwd=ROOT):
        yield {
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
