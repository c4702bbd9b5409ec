"""What tests of packages look at."""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
OF_THE_OTHER_SHAPE = {"ask_model", "change_endpoints", "predict_in_process"}
"""Deployed where models answer in functions; see `test_serving_in_functions`."""
EXTRAS = [("answering", "functions"), ("datasets", "functions"), ("functions",)]


def list_files(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as package:
        return package.namelist()


def unzipped_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as package:
        return sum(entry.file_size for entry in package.infolist())
