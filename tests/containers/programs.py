"""The container's own programs as processes, in folders shaped as SageMaker shapes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PROGRAMS = REPOSITORY / "containers/model"
LONGEST_S = 120.0


@dataclass(frozen=True)
class Run:
    """How a program ended."""

    code: int
    out: str
    err: str


def describe_environment(base: Path, **extra: str) -> dict[str, str]:
    """What a container's environment says, in a folder instead of /opt/ml."""
    interpreter = Path(sys.executable).parent
    return {
        "PATH": os.pathsep.join((str(PROGRAMS), str(interpreter), os.defpath)),
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY))),
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(base),
        "SAGEMAKER_BASE_DIR": str(base),
        **extra,
    }


def find_program(name: str, base: Path) -> str:
    """The program that SageMaker would start."""
    found = shutil.which(name, path=describe_environment(base)["PATH"])
    assert found == str(PROGRAMS / name)
    return found


def stop_program(name: str, base: Path, *, after: str) -> int:
    """Start a program, and ask it to stop once it has said something; the status it ends with."""
    with subprocess.Popen(
        [find_program(name, base)], cwd=base, env=describe_environment(base), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any(after in line for line in process.stdout)
        process.terminate()
        return process.wait(timeout=10)


def run_program(name: str, base: Path, **environment: str) -> Run:
    """Run a program to its end."""
    ended = subprocess.run(
        [find_program(name, base)],
        check=False,
        capture_output=True,
        text=True,
        cwd=base,
        env=describe_environment(base, **environment),
        timeout=LONGEST_S,
    )
    return Run(ended.returncode, ended.stdout, ended.stderr)
