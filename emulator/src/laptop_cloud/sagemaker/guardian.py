"""Ends the containers' processes when the laptop cloud is gone, in whichever way it went.

A process that is killed with SIGKILL can tidy up nothing, and Linux's parent-death signal reaches only the direct child
and is tied to the *thread* that started it. So a small process of its own holds the reading end of a pipe: it learns
the process groups to care for, and when the pipe closes, because the cloud closed it or died, it ends what is left.

Run as a script this module is that process; it needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, cast

_GRACE_S = 2.0
"""How long an abandoned process group has between SIGTERM and SIGKILL."""


class Guardian:
    """The cloud's side of the pipe."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", __file__]
        # In a session of its own, so that Ctrl-C in the terminal does not end it before the cloud.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 -- own file
        self._pipe = cast("IO[bytes]", self._process.stdin)
        self._lock = threading.Lock()

    def watch(self, group: int) -> None:
        """Care for a process group."""
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """Forget a process group that has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End what is left, and the guardian."""
        with self._lock:
            self._pipe.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            if not self._pipe.closed:
                self._pipe.write(line.encode())
                self._pipe.flush()


def _guard(pipe: IO[str]) -> None:
    groups: set[int] = set()
    for line in pipe:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        deadline = time.monotonic() + _GRACE_S
        while number is signal.SIGTERM and time.monotonic() < deadline and any(map(_is_alive, groups)):
            time.sleep(0.05)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _guard(sys.stdin)
