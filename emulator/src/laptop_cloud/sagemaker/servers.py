"""A model server: a container's `serve`, kept running, called over HTTP.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
The server is told its port by `SAGEMAKER_BIND_TO_PORT`, the name that SageMaker uses when a container must not listen
on 8080, and its address by `SERVE_HOST`: a laptop's model is nobody else's business.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3

from laptop_cloud.ports import HOST, find_free_port
from laptop_cloud.sagemaker.errors import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laptop_cloud.sagemaker.processes import ContainerProcess

    StartProcess = Callable[[Mapping[str, str]], ContainerProcess]
    """Starts `serve` with the given environment besides its own."""

_log = logging.getLogger(__name__)

_PING_INTERVAL_S = 0.05
_PING_TIMEOUT_S = 2.0
_INVOCATION_TIMEOUT_S = 60.0
"""What SageMaker gives a model to answer: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""
_START_ATTEMPTS = 3
_FIRST_BACKOFF_S = 0.2
_LAST_BACKOFF_S = 5.0
_SETTLED_S = 10.0
"""A server that ran this long was not started in vain: the next crash is backed off from the beginning."""
_STOP_GRACE_S = 5.0
_CONNECTIONS = 64


@dataclass(frozen=True)
class Reply:
    """What a model answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ServerDownError(Exception):
    """The server is not running, or ended before it answered."""


class ReplyTimeoutError(Exception):
    """The server did not answer in time."""


class ModelServer:
    """One server process with its supervisor: started again, with growing pauses, whenever it ends by itself.

    Args:
        name: for threads and the log.
        start: starts the process.
        timeout_s: what the model has to answer.
    """

    def __init__(self, name: str, start: StartProcess, *, timeout_s: float = _INVOCATION_TIMEOUT_S) -> None:
        self._name = name
        self._start = start
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._in_flight = 0
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._healthy = False
        self._process: ContainerProcess | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._supervisor = threading.Thread(target=self._supervise, name=f"server-{name}", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether it answered its last health check and has not ended since."""
        return self._healthy

    @property
    def in_flight(self) -> int:
        """Requests that it is answering."""
        return self._in_flight

    def start(self) -> None:
        """Begin to start the process; `wait_healthy` tells how it went."""
        self._supervisor.start()

    def wait_healthy(self, timeout_s: float) -> bool:
        """Wait until the first health check passes; False when it does not in time, or the process keeps ending."""
        self._settled.wait(timeout_s)
        return self._healthy

    def enter(self) -> None:
        """Count one request more; every `enter` needs its `leave`."""
        with self._changed:
            self._in_flight += 1

    def leave(self) -> None:
        """Count one request less."""
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Let the model answer.

        Raises:
            ServerDownError: there is no process to answer.
            ReplyTimeoutError: it took too long.
        """
        pool = self._pool
        if not self._healthy or pool is None:
            raise ServerDownError(self._name)
        for last_try in (False, True):
            try:
                reply = pool.urlopen("POST", "/invocations", body=body, headers=dict(headers), retries=False)
            except urllib3.exceptions.ReadTimeoutError as error:
                raise ReplyTimeoutError(self._name) from error
            except urllib3.exceptions.ProtocolError as error:
                # A kept connection may be closed by the server's idle timeout just when it is used: ask once more.
                if last_try:
                    raise ServerDownError(self._name) from error
            except urllib3.exceptions.HTTPError as error:
                raise ServerDownError(self._name) from error
            else:
                return Reply(reply.status, reply.headers, reply.data)
        raise AssertionError("unreachable")

    def execution_parameters(self) -> dict[str, Any]:
        """What the container wishes for batch transform; empty where it does not say, as it need not.

        https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
        """
        pool = self._pool
        if not self._healthy or pool is None:
            return {}
        try:
            reply = pool.urlopen("GET", "/execution-parameters", retries=False, timeout=_PING_TIMEOUT_S)
            wishes = json.loads(reply.data) if reply.status == 200 else {}  # noqa: PLR2004 -- HTTP's OK
        except (urllib3.exceptions.HTTPError, ValueError):
            return {}
        return wishes if isinstance(wishes, dict) else {}

    def drain(self, timeout_s: float) -> None:
        """Wait until no request is in flight."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, timeout_s)

    def stop(self) -> None:
        """End the process for good."""
        self._stopping.set()
        process = self._process
        if process is not None:
            process.stop(_STOP_GRACE_S)
        if self._supervisor.is_alive():
            self._supervisor.join()

    def _supervise(self) -> None:
        attempts, pause_s = 0, _FIRST_BACKOFF_S
        while not self._stopping.is_set():
            started = time.monotonic()
            self._run_once()
            if time.monotonic() - started > _SETTLED_S:
                pause_s = _FIRST_BACKOFF_S
            attempts += 1
            if not self._settled.is_set() and attempts >= _START_ATTEMPTS:
                break
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, _LAST_BACKOFF_S)
        self._settled.set()

    def _run_once(self) -> None:
        port = find_free_port()
        try:
            process = self._process = self._start({"SAGEMAKER_BIND_TO_PORT": str(port), "SERVE_HOST": HOST})
        except JobFailedError as error:
            _log.warning("server %s: %s", self._name, error)
            return
        # A stop that came while the process was starting did not see it.
        if self._stopping.is_set():
            process.stop(0)
            return
        # A server that is down refuses a connection at once; one that is overrun takes it late, and then answers.
        self._pool = urllib3.HTTPConnectionPool(HOST, port, maxsize=_CONNECTIONS, timeout=self._timeout_s)
        if self._await_ping(process, self._pool):
            self._healthy = True
            self._settled.set()
            process.wait()
        self._healthy = False
        self._pool.close()

    def _await_ping(self, process: ContainerProcess, pool: urllib3.HTTPConnectionPool) -> bool:
        while process.wait(_PING_INTERVAL_S) is None:
            try:
                reply = pool.urlopen("GET", "/ping", retries=False, timeout=_PING_TIMEOUT_S)
            except urllib3.exceptions.HTTPError:
                continue
            if reply.status == 200:  # noqa: PLR2004 -- HTTP's OK
                return True
        return False
