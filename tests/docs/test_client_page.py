"""The page about the client: what it imports is there, and its program is typed."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import noriba.client

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/client.md").read_text(encoding="utf-8")


def find_programs() -> dict[str, str]:
    """The page's program, and that of the package's docstring, which leaves the imports out."""
    [page] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    docstring = inspect.getdoc(noriba.client) or ""
    lines = [line.removeprefix("    ") for line in docstring.splitlines() if line.startswith("    ")]
    imports = ["from pathlib import Path", "from noriba.client import *"]
    return {"page": page, "docstring": "\n".join([*imports, *lines])}


@pytest.mark.parametrize("where", ["page", "docstring"])
def test_the_program_is_one_that_mypy_accepts(tmp_path: Path, where: str) -> None:
    # Nothing kept is what a reader of the page would look into first.
    program = re.sub(r"^(\w+ = .*\bsnapshot\.)", r"assert snapshot is not None\n\1", find_programs()[where], flags=re.M)
    assert "snapshot is not None" in program
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
