"""The files that a demo lands: simulated ones, or real ones cut to a number of rows."""

from __future__ import annotations

import shutil
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet

from noriba.usecase import load_simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SEED = 20_260_101
FIRST_DAY = date(2026, 1, 5)
DAYS = 56


def simulate_files(use_case_name: str, *, rows: int, folder: Path) -> list[Path]:
    """Files of the use case's simulator; the same rows, the same bytes."""
    simulator = load_simulator(use_case_name)
    table = simulator.simulate(rows, seed=SEED, first_day=FIRST_DAY, days=DAYS)
    _empty(folder)
    return list(simulator.write_files(table, folder))


def cut_files(files: Sequence[Path], *, rows: int | None, folder: Path) -> list[Path]:
    """The first rows of files, in the order given; the files themselves where they need no cutting."""
    if rows is None:
        return list(files)
    _empty(folder)
    chosen: list[Path] = []
    left = rows
    for path in files:
        if left <= 0:
            break
        taken = _cut_parquet(path, left, folder) if path.suffix == ".parquet" else _cut_lines(path, left, folder)
        left -= taken
        chosen.append(folder / path.name if (folder / path.name).exists() else path)
    return chosen


def _cut_parquet(path: Path, rows: int, folder: Path) -> int:
    """The rows taken; writes a shorter file only when the file has more."""
    try:
        file = pa.parquet.ParquetFile(path)
    except pa.ArrowException:
        # What is no Parquet is the ingest's to refuse, whole.
        return 0
    if file.metadata.num_rows <= rows:
        return int(file.metadata.num_rows)
    pa.parquet.write_table(file.read().slice(0, rows), folder / path.name)
    return rows


def _cut_lines(path: Path, rows: int, folder: Path) -> int:
    with path.open("rb") as file:
        lines = list(islice(file, rows + 2))
    if len(lines) <= rows + 1:
        return max(0, len(lines) - 1)
    (folder / path.name).write_bytes(b"".join(lines[: rows + 1]))
    return rows


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
