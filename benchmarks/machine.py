"""The machine that a measurement was made on: figures of two machines are not compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_KIB_IN_GIB = 2**20


@dataclass(frozen=True)
class Machine:
    """What a figure depends upon besides the code."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    commit: str
    load: float

    def describe(self) -> str:
        """In one line."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.system}, Python {self.python}; "
            f"commit {self.commit}; load before it began {self.load:.1f}"
        )


@cache
def describe_machine() -> Machine:
    """This one, as it was when first asked."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        processor=_find(r"model name\s*: (.+)", "/proc/cpuinfo") or platform.processor() or platform.machine(),
        cores=cores,
        memory_gib=int(_find(r"MemTotal:\s+(\d+) kB", "/proc/meminfo") or 0) / _KIB_IN_GIB,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        commit=_read_commit(),
        load=os.getloadavg()[0],
    )


def _find(pattern: str, file: str) -> str | None:
    try:
        found = re.search(pattern, Path(file).read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1].strip() if found else None


def _read_commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)  # noqa: S603  # our own words
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
