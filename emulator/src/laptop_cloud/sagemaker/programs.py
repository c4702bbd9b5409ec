"""One run of a job's program, from start to an end that may be its own, the clock's or a user's."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.sagemaker.processes import ContainerProcess

STOP_GRACE_S = 10.0
"""How long a job may go on after SIGTERM. SageMaker gives 120 s for models of many gigabytes; nobody waits for that on
a laptop. See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopTrainingJob.html"""


@dataclass(frozen=True)
class Outcome:
    """How a program ended.

    Args:
        exit_code: its own.
        stopped: a user asked for it.
        timed_out: it ran longer than it may.
        started: it ran at all; a stop can come before.
    """

    exit_code: int = 0
    stopped: bool = False
    timed_out: bool = False
    started: bool = True


class ProgramRun:
    """A program that can be stopped at any moment, also before it has started."""

    def __init__(self) -> None:
        self._process: ContainerProcess | None = None
        self._stopping = False
        self._lock = threading.Lock()

    def run(self, start: Callable[[], ContainerProcess], *, max_runtime_s: float | None) -> Outcome:
        """Start the program and wait for its end."""
        with self._lock:
            if self._stopping:
                return Outcome(stopped=True, started=False)
            process = self._process = start()
        code = process.wait(max_runtime_s)
        if code is None:
            return Outcome(process.stop(STOP_GRACE_S), timed_out=True)
        return Outcome(code, stopped=self._stopping)

    def stop(self) -> None:
        """Ask the program to end, kill it after `STOP_GRACE_S`, and return when it has ended."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is not None:
            process.stop(STOP_GRACE_S)
