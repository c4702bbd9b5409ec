"""Processes that measure when told to: the two sides in turn, each with a memory and a collector of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.model import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Worker:
    """A process that waits for its turn."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **words: Any) -> Any:
        """What it found.

        Raises:
            RuntimeError: it ended instead; why stands in its standard error, which is this process's.
        """
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018  # both are pipes
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self._process.args!r} ended with status {self._process.wait()}")
        return json.loads(line)


@contextmanager
def start_worker(module: str, *arguments: str, environment: Mapping[str, str]) -> Iterator[Worker]:
    """`python -m module arguments…`, which calls `take_turns`, until the block ends."""
    with subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(environment),
    ) as process:
        try:
            yield Worker(process)
        finally:
            assert process.stdin is not None  # noqa: S101  # a pipe
            process.stdin.close()
            process.wait()


def take_turns(measure: Callable[..., Any]) -> None:
    """In the worker: measure whenever asked to; what the code under measurement prints goes to /dev/null."""
    found = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    for line in sys.stdin:
        found.write(json.dumps(measure(**json.loads(line))) + "\n")
        found.flush()
