"""A container's program as a process of the laptop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from laptop_cloud.sagemaker.guardian import Guardian

    Output = Callable[[list[str]], None]
    """Takes lines of output as they come."""

_CHUNK_BYTES = 65_536
_READER_PATIENCE_S = 5.0


class ContainerProcess:
    """One running program with its children.

    It leads a session of its own, as process 1 leads a container: signals go to it alone, and what it leaves behind
    when it ends is killed.

    Args:
        command: the program's path and its arguments.
        environment: all of its environment.
        folder: its working directory.
        on_output: takes the lines of standard output and standard error; called from one thread of this object.
        guardian: told of the process, so that it never outlives the cloud.

    Raises:
        OSError: the program cannot be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        on_output: Output,
        guardian: Guardian,
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 -- running the user's program is the purpose
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._guardian = guardian
        guardian.watch(self._process.pid)
        self._exited = threading.Event()
        self._on_output = on_output
        self._reader = threading.Thread(target=self._read, name=f"output-{self.pid}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._reap, name=f"reaper-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        return not self._exited.is_set()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the end of the program and of its output.

        Returns:
            The exit code as a shell gives it (128 + signal number when a signal ended it), or None after `timeout_s`.
        """
        if not self._exited.wait(timeout_s):
            return None
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    def stop(self, grace_s: float) -> int:
        """Ask the program to end (SIGTERM), and kill it and its children when it has not after `grace_s` seconds.

        Returns:
            The exit code, as `wait` gives it.
        """
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        code = self.wait(grace_s)
        if code is None:
            self._kill_group()
            code = cast("int", self.wait())
        return code

    def _reap(self) -> None:
        self._process.wait()
        self._kill_group()
        self._reader.join(_READER_PATIENCE_S)
        self._guardian.release(self.pid)
        self._exited.set()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        rest = b""
        with cast("IO[bytes]", self._process.stdout) as pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                self._emit(lines)
        self._emit([rest])

    def _emit(self, lines: list[bytes]) -> None:
        # CloudWatch Logs takes no empty events.
        if texts := [line.decode(errors="replace").rstrip("\r") for line in lines if line.strip()]:
            self._on_output(texts)
