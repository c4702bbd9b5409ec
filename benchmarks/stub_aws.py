"""AWS on a port of this machine: an endpoint with a model's real answers, a table without entries, and a bucket.

`python -m benchmarks.stub_aws PORT MODEL_PORT FOLDER`, whose files are the bucket's objects: a process of its own, so
that it takes no time of whoever asks it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.model import ROOT, describe_tree
from benchmarks.serving import HOST, Asking, Connection, find_port, run_server
from benchmarks.stub_clients import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDPOINT = f"x-Amzn-Invoked-Production-Variant: {VERSION}\r\n"


class _Stub(asyncio.Protocol):
    """One connection. What the model's server answered a body once, it is answered again."""

    def __init__(self, model: Connection, folder: Path, known: dict[bytes, bytes]) -> None:
        self._model, self._folder, self._known, self._received = model, folder, known, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            route, *lines = self._received[:end].decode("latin-1").split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            whole = end + 4 + int(fields.get("content-length", "0"))
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            self._answer(route, fields, body)

    def _answer(self, route: str, fields: dict[str, str], body: bytes) -> None:
        extra, answered, content_type = "", b"{}", "application/x-amz-json-1.0"
        if "/invocations " in route:
            content_type, extra = fields["content-type"], _ENDPOINT
            answered = self._known.get(body) or self._ask(content_type, body)
        elif route.startswith("GET "):
            answered = (self._folder / route.split()[1].rpartition("/")[2]).read_bytes()
        written = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{extra}Content-Length: {len(answered)}\r\n\r\n"
        self._transport.write(written.encode() + answered)  # type: ignore[attr-defined]  # a transport of both ways

    def _ask(self, content_type: str, body: bytes) -> bytes:
        status, answered = self._model.ask(Asking("/invocations", content_type, ()).write(body))
        if status != 200:  # noqa: PLR2004  # OK
            raise RuntimeError(f"the model's server answered {status}: {answered!r}")
        self._known[body] = answered
        return answered


async def _serve(port: int, model_port: int, folder: Path) -> None:
    known: dict[bytes, bytes] = {}
    model = Connection(model_port)
    server = await asyncio.get_running_loop().create_server(lambda: _Stub(model, folder, known), HOST, port)
    await server.serve_forever()


@contextmanager
def serve_stub(model_port: int, folder: Path) -> Iterator[dict[str, str]]:
    """The stub, until the block ends; yields the environment of a function that is to ask it.

    Args:
        model_port: of a model's server.
        folder: whose files are the objects of every bucket.
    """
    port = find_port()
    command = [sys.executable, "-m", "benchmarks.stub_aws", str(port), str(model_port), str(folder)]
    with run_server("the stub of AWS", command, port, describe_tree(ROOT), cwd=ROOT):
        yield {
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Their own default is to open the files of a person's, too.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
