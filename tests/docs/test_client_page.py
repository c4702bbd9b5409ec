"""The page about the client: what it imports is there, and its program is typed."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import noriba.client

if TYPE_CHECKING:
    from types import FunctionType

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
    kept = r"assert snapshot is not None\n\1"
    program = re.sub(r"^(\w+ = .*\bsnapshot\.)", kept, find_programs()[where], flags=re.MULTILINE)
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


def read_table() -> dict[str, str]:
    """The module in which each name stands by the page, those of functions and classes; several modules with spaces."""
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    return {
        name: " ".join(re.findall(r"`(\w+)`", modules))
        for modules, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if "_" in name or name[0].isupper()
    }


def list_functions() -> dict[str, FunctionType]:
    """What the package offers of its own to be called."""
    offered = {name: getattr(noriba.client, name) for name in noriba.client.__all__}
    return {
        name: one
        for name, one in offered.items()
        if inspect.isfunction(one) and one.__module__.startswith("noriba.client.")
    }


def test_every_function_stands_in_the_table_beside_its_module() -> None:
    table = read_table()

    assert list_functions().keys() <= table.keys() <= set(noriba.client.__all__)
    for name, modules in table.items():
        assert getattr(noriba.client, name).__module__.rpartition(".")[2] in modules.split(), name


def test_what_functions_read_is_named_on_the_page() -> None:
    [words] = re.findall(r"^- \*\*What is read\*\* (.*)$", PAGE, re.MULTILINE)
    readers = [one for name, one in list_functions().items() if name.startswith(("read_", "list_"))]
    read = {word for one in readers for word in re.findall(r"\b[A-Z]\w+", one.__annotations__["return"])}

    assert read <= set(re.findall(r"`(\w+)`", words))
