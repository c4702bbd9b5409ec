"""Model servers as processes, and clients that cost next to nothing beside them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import psutil

from benchmarks.figures import pick_percentiles
from benchmarks.model import PROGRAMS, describe_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HOST = "127.0.0.1"
_START_S, _STOP_S, _ANSWER_S = 120.0, 20.0, 30.0
_COMPILED = b"trees compiled"
_OK = 200

_LUA = """
local bodies, place = {}, 0
function init(arguments)
  for number = 2, #arguments do
    local file = io.open(arguments[number], "rb")
    local headers = {["Content-Type"] = os.getenv("BENCH_TYPE")}
    bodies[#bodies + 1] = wrk.format("POST", arguments[1], headers, file:read("*all"))
    file:close()
  end
end
function request()
  place = place % #bodies + 1
  return bodies[place]
end
function done(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "us": %d, "p50_us": %f, "p99_us": %f, "failed": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Asking:
    """How a server is asked.

    Attributes:
        path: of its route.
        content_type: of every body.
        bodies: asked in turn.
    """

    path: str
    content_type: str
    bodies: tuple[bytes, ...]

    def write(self, body: bytes) -> bytes:
        """A whole request, for a connection that is kept."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: model\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True)
class Load:
    """What several connections at once found."""

    per_s: float
    p50_s: float
    p99_s: float
    failed: int
    tool: str


class Connection:
    """One connection that is kept; it reads answers with a length alone, as model servers write them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=_ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self._socket.sendall(request)
        received = self._socket.recv(1 << 16)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head = received[:end].lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        body = received[end + 4 :]
        if len(body) < length:
            pieces, missing = [body], length - len(body)
            while missing:
                pieces.append(self._receive())
                missing -= len(pieces[-1])
            body = b"".join(pieces)
        return int(head[9:12]), body

    def _receive(self) -> bytes:
        received = self._socket.recv(1 << 18)
        if not received:
            raise ConnectionResetError("the server closed the connection in the middle of an answer")
        return received


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    port: int
    pid: int

    def read_processor_s(self) -> float:
        """What the server and its workers have taken of the processors so far."""
        first = psutil.Process(self.pid)
        times = [process.cpu_times() for process in (first, *first.children(recursive=True))]
        return sum(one.user + one.system for one in times)

    def ask(self, asking: Asking, place: int = 0) -> bytes:
        """The answer to one of the bodies, on a connection of its own."""
        with Connection(self.port) as connection:
            status, answered = connection.ask(asking.write(asking.bodies[place]))
        if status != _OK:
            raise RuntimeError(f"{self.name} answered {status}: {answered[:500]!r}")
        return answered

    def time_in_turn(self, asking: Asking, *, seconds: float) -> list[float]:
        """Seconds of each answer, one after another on one connection, for so long."""
        requests = [asking.write(body) for body in asking.bodies]
        taken: list[float] = []
        with Connection(self.port) as connection:
            for request in requests[:8]:
                connection.ask(request)
            end_s, place = time.perf_counter() + seconds, 0
            while (begun_s := time.perf_counter()) < end_s:
                status, answered = connection.ask(requests[place % len(requests)])
                taken.append(time.perf_counter() - begun_s)
                place += 1
                if status != _OK:
                    raise RuntimeError(f"{self.name} answered {status}: {answered[:500]!r}")
        return taken

    def load(self, asking: Asking, *, connections: int, seconds: float) -> Load:
        """Several connections at once, for so long: by wrk where it is installed, by asyncio otherwise."""
        if shutil.which("wrk") is None:
            return asyncio.run(_load_by_asyncio(self, asking, connections=connections, seconds=seconds))
        return _load_by_wrk(self, asking, connections=connections, seconds=seconds)


@contextmanager
def serve_bundle(base: Path, *, workers: int) -> Iterator[Server]:
    """Our server, started as SageMaker would start it, until the block ends."""
    port = find_port()
    environment = describe_tree(
        base, SERVE_HOST=HOST, SAGEMAKER_BIND_TO_PORT=str(port), SAGEMAKER_MODEL_SERVER_WORKERS=str(workers)
    )
    ready = _COMPILED, workers
    with run_server("noriba", [str(PROGRAMS / "serve")], port, environment, cwd=base, ready=ready) as server:
        yield server


@contextmanager
def run_server(  # keywords
    name: str,
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    *,
    cwd: Path,
    ready: tuple[bytes, int] | None = None,
) -> Iterator[Server]:
    """Any server, from when it takes connections until the block ends; with all processes that it started.

    Args:
        name: in messages.
        command: that starts it.
        port: where it listens.
        environment: all of it.
        cwd: where it runs.
        ready: what it says, and how many times, once it is as fast as it will be; None where it is at once.

    Raises:
        RuntimeError: it ended before; the message has the end of what it said.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603  # our own commands
            command, cwd=cwd, env=dict(environment), stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for(process, port)
            if process.poll() is not None:
                said.seek(0)
                raise RuntimeError(f"{name} did not start:\n{said.read()[-2000:].decode(errors='replace')}")
            if ready is not None:
                _wait_for_words(said, *ready)
            yield Server(name, port, process.pid)
        finally:
            stop(process)


def _wait_for_words(said: IO[bytes], words: bytes, times: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        said.seek(0)
        if said.read().count(words) >= times:
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody said {words!r}")


def wait_for(process: subprocess.Popen[bytes], port: int, *, pause_s: float = 0.02) -> None:
    """Until a port takes connections; returns early where the process has ended."""
    deadline = time.monotonic() + _START_S
    while process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens on port {port}") from None
            time.sleep(pause_s)
        else:
            return


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its workers: its whole session."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_STOP_S)


def find_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _load_by_wrk(server: Server, asking: Asking, *, connections: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "ask.lua"
        script.write_text(_LUA, encoding="ascii")
        files = []
        for number, body in enumerate(asking.bodies):
            files.append(Path(scratch) / str(number))
            files[-1].write_bytes(body)
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "30s",
            "-s",
            str(script),
        ]
        command += [f"http://{HOST}:{server.port}", "--", asking.path, *map(str, files)]
        done = subprocess.run(  # noqa: S603  # our own words
            command, capture_output=True, text=True, check=True, env={**os.environ, "BENCH_TYPE": asking.content_type}
        )
    found = json.loads(done.stderr.splitlines()[-1])
    return Load(
        found["requests"] / found["us"] * 1e6, found["p50_us"] / 1e6, found["p99_us"] / 1e6, found["failed"], "wrk"
    )


async def _load_by_asyncio(server: Server, asking: Asking, *, connections: int, seconds: float) -> Load:
    requests = [asking.write(body) for body in asking.bodies]
    taken: list[float] = []
    failed = 0
    begun_s = time.perf_counter()

    async def ask_on(number: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(HOST, server.port)
        place = number
        while (asked_s := time.perf_counter()) < begun_s + seconds:
            writer.write(requests[place % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
            taken.append(time.perf_counter() - asked_s)
            failed += int(head[9:12]) != _OK
            place += 1
        writer.close()

    await asyncio.gather(*(ask_on(number) for number in range(connections)))
    per_s = len(taken) / (time.perf_counter() - begun_s)
    return Load(per_s, *pick_percentiles(taken), failed, "asyncio, which costs more than wrk")
