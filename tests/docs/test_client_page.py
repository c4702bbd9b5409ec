"""The page about the client: what it imports is there, and its program is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import noriba.client

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/client.md").read_text(encoding="utf-8")


def test_the_program_is_one_that_mypy_accepts(tmp_path: Path) -> None:
    [program] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    # Nothing kept is what a reader of the page would look into first.
    program = program.replace("decision =", "assert snapshot is not None\ndecision =")
    (tmp_path / "program.py").write_text(program)

    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        str(tmp_path / "program.py"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_function_that_the_page_names_is_offered() -> None:
    named = {word for row in re.findall(r"^\| `.*", PAGE, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)}
    functions = {name for name in named if "_" in name or name[0].isupper()}

    assert functions <= set(noriba.client.__all__)
