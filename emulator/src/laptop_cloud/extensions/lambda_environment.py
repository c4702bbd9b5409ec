"""One execution environment of a Python function: a process started once, that serves one invocation at a time."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from laptop_cloud.extensions.lambda_bootstrap import END_OF_LOG
from laptop_cloud.shared_clock import describe_clock

_BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
# Lambda allows 10 s; a laptop that compiles a package for the first time may need more, and loses nothing by waiting.
_START_LIMIT_S = 60.0
_LOG_LIMIT_S = 2.0
# How often a process that works is measured.
_LOOK_S = 0.05
_BACKGROUND_NICENESS = 10
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_ANSWER_BYTES = 6 * 2**20 + 100

Json = dict[str, Any]


@dataclass(frozen=True)
class EnvironmentSettings:
    """What a process is started with."""

    handler: str
    code: Path
    path_first: tuple[Path, ...]
    """Searched for packages before the standard library: code, layers."""
    path_last: tuple[Path, ...]
    """Searched after it: what Lambda brings."""
    variables: dict[str, str]
    timeout_s: float
    memory_mib: int
    clock: Path | None = None
    """Whose time the process tells, where it is not the real one."""
    in_background: bool = False
    """Whether nobody waits for it: on AWS it would take no processor from those that somebody waits for."""


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended."""

    result: Any = None
    error: Json | None = None
    log: tuple[str, ...] = ()
    duration_s: float = 0.0
    peak_memory_mib: int = 0


class StartError(RuntimeError):
    """The function's code could not be loaded."""

    def __init__(self, error: Json, log: tuple[str, ...]) -> None:
        super().__init__(f"{error['errorType']}: {error['errorMessage']}")
        self.error = error
        self.log = log


@dataclass
class Environment:
    """A running process; `end` it, or let it end by itself when this process does."""

    settings: EnvironmentSettings
    process: subprocess.Popen[str] = field(init=False)
    start_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        began = time.perf_counter()
        self._out_of_memory = False
        self._log_lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # Isolated (-I) and without site-packages (-S): a dependency that was not packaged is missing here as on AWS.
        self.process = subprocess.Popen(  # noqa: S603 -- this interpreter, with our own script
            [sys.executable, "-I", "-S", "-X", "utf8", str(_BOOTSTRAP)],
            cwd=self.settings.code,
            env=self.settings.variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        if self.settings.in_background:
            _give_way(self.process.pid)
        threading.Thread(target=self._read_log, name="lambda-log", daemon=True).start()
        self._start()
        self.start_s = time.perf_counter() - began

    def invoke(self, event: Any, request_id: str, function_arn: str) -> Outcome:
        """Run the handler once; a process that does not answer in time is ended."""
        began = time.perf_counter()
        self._send(
            {
                "event": event,
                "request_id": request_id,
                "function_arn": function_arn,
                "timeout_s": self.settings.timeout_s,
            }
        )
        answer = self._receive(self.settings.timeout_s, watched=True)
        duration_s = time.perf_counter() - began
        if answer is not None and answer["peak_memory_mib"] > self.settings.memory_mib:
            # It was over before it was seen; Lambda would have ended it.
            self._out_of_memory, answer = True, None
        if answer is None:
            error = self._end_of_silence(request_id)
            return Outcome(error=error, log=(*self._log_until(None), error["errorMessage"]), duration_s=duration_s)
        return Outcome(
            result=answer.get("result"),
            error=_find_error(answer, request_id),
            log=self._log_until(f"{END_OF_LOG}{request_id}"),
            duration_s=duration_s,
            peak_memory_mib=answer["peak_memory_mib"],
        )

    def is_running(self) -> bool:
        """Can it serve another invocation?"""
        return self.process.poll() is None

    def end(self) -> None:
        """End the process and whatever it started."""
        if self.is_running():
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _start(self) -> None:
        settings = self.settings
        self._send(
            {
                "handler": settings.handler,
                "path_first": [str(path) for path in settings.path_first],
                "path_last": [str(path) for path in settings.path_last],
                "clock": None if settings.clock is None else describe_clock(settings.clock),
            }
        )
        answer = self._receive(_START_LIMIT_S)
        if answer is None:
            error = self._end_of_silence("init", limit_s=_START_LIMIT_S)
        elif "error" in answer:
            error = answer["error"]
        else:
            return
        self.end()
        raise StartError(error, self._log_until(None))

    def _send(self, message: Json) -> None:
        assert self.process.stdin is not None  # noqa: S101 -- opened as a pipe above
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # It has ended; so says the answer that does not come.
            return

    def _receive(self, limit_s: float, *, watched: bool = False) -> Json | None:
        """The next answer; None when the process ended, the time is up or, where it is watched, the memory."""
        assert self.process.stdout is not None  # noqa: S101 -- opened as a pipe above
        poll = select.poll()
        poll.register(self.process.stdout, select.POLLIN)
        end_s = time.monotonic() + limit_s
        while not poll.poll(min(_LOOK_S, max(0.0, end_s - time.monotonic())) * 1000):
            self._out_of_memory = watched and self._measure_memory_mib() > self.settings.memory_mib
            if self._out_of_memory or time.monotonic() >= end_s:
                return None
        line = self.process.stdout.readline()
        answer: Json | None = json.loads(line) if line else None
        return answer

    def _end_of_silence(self, request_id: str, *, limit_s: float | None = None) -> Json:
        """The error of a process that did not answer: it ended, or it must be ended now."""
        if self._out_of_memory:
            self.end()
            message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            return {"errorType": "Runtime.OutOfMemory", "errorMessage": message}
        try:
            # Its pipe closes a moment before the process is gone.
            status = self.process.wait(0.2)
        except subprocess.TimeoutExpired:
            self.end()
            text = f"Task timed out after {limit_s or self.settings.timeout_s:.2f} seconds"
            return {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {text}"}
        text = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
        message = f"RequestId: {request_id} Error: Runtime exited with error: {text}"
        return {"errorType": "Runtime.ExitError", "errorMessage": message}

    def _measure_memory_mib(self) -> float:
        """What the process holds now; 0 when it has ended."""
        try:
            resident: int = psutil.Process(self.process.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return 0.0
        return resident / 2**20

    def _read_log(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 -- opened as a pipe above
        with self.process.stderr as lines:
            for line in lines:
                self._log_lines.put(line.rstrip("\n"))
        self._log_lines.put(None)

    def _log_until(self, last: str | None) -> tuple[str, ...]:
        """The lines up to the closing one, or up to the end of a process that ended."""
        lines = []
        try:
            while (line := self._log_lines.get(timeout=_LOG_LIMIT_S)) not in {last, None}:
                lines.append(str(line))
        except queue.Empty:
            lines.append("(the rest of this log is still on its way)")
        return tuple(lines)


def _find_error(answer: Json, request_id: str) -> Json | None:
    """What went wrong, the answer's own size included."""
    if "error" in answer:
        return {**answer["error"], "requestId": request_id}
    size = len(json.dumps(answer.get("result")).encode())
    if size <= _MOST_ANSWER_BYTES:
        return None
    message = f"Response payload size ({size} bytes) exceeded maximum allowed payload size (6291556 bytes)."
    return {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message, "requestId": request_id}


def _give_way(pid: int) -> None:
    """Let others go first.

    Where Linux shares processors out to sessions first, a process that has a session of its own is no nicer to others
    until its session is, too: https://man7.org/linux/man-pages/man7/sched.7.html, "The autogroup feature".
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).nice(_BACKGROUND_NICENESS)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_BACKGROUND_NICENESS), encoding="ascii")
