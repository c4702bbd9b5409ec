"""Modules made from text, so that a test can change what a data scientist would change."""

from __future__ import annotations

import importlib.util
import itertools
import textwrap
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


class Define(Protocol):
    def __call__(self, text: str, **names: object) -> ModuleType: ...


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """`define("def speed(a): ...").speed`: a module of that text, with further names put into it."""
    numbers = itertools.count()

    def make(text: str, **names: object) -> ModuleType:
        path = tmp_path / f"defined_{next(numbers)}.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        vars(module).update(names)
        spec.loader.exec_module(module)
        return module

    return make
