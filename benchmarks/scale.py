"""What more rows cost: features, answers and training at growing sizes, each in a process of its own.

A size is left out where it would take longer than there is time: by the last two, and that costs grow with rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, measure_exponent
from benchmarks.model import ROOT, describe_tree, train_once
from benchmarks.one_size import CHUNK

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {
    "transform": (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    "score": (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    "train": (5_000, 20_000, 80_000, 320_000),
}
LONGEST_S = {"transform": 40.0, "score": 30.0, "train": 40.0}
"""Of one size, by the wall clock."""
_WORDS = {
    "transform": f"raw rows into features; over {CHUNK:,} in chunks of as many",
    "score": f"three quantiles of rows with features; over {CHUNK:,} in chunks of as many",
    "train": "350 trees of 127 leaves for each of three quantiles, by default",
}


def run(trips: Path | None) -> list[Figure]:
    """Seconds and memory by size, and how cost grows."""
    bundle = train_once(trips).bundle
    figures = []
    for what, sizes in SIZES.items():
        found: dict[int, dict[str, float]] = {}
        for rows in sizes:
            # Two there must be: a line has two ends.
            if len(found) > 1 and _expect_s(found, rows) > LONGEST_S[what]:
                break
            found[rows] = _measure(what, rows, bundle)
            each = found[rows]
            print(f"    {what} {rows:>12,}: {each['processor_s']:9.3f} s, {each['peak_mib']:6,.0f} MiB", flush=True)
        figures += _tell(what, found)
    return figures


def _expect_s(found: dict[int, dict[str, float]], rows: int) -> float:
    largest = max(found)
    return found[largest]["wall_s"] * rows / largest


def _measure(what: str, rows: int, bundle: Path) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-m", "benchmarks.one_size", what, str(rows), str(bundle)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=describe_tree(ROOT),
    )
    if done.returncode:
        raise RuntimeError(f"{what} of {rows} rows ended with {done.returncode}:\n{done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _tell(what: str, found: dict[int, dict[str, float]]) -> list[Figure]:
    sizes = list(found)
    costs = [each["processor_s"] for each in found.values()]
    exponent = measure_exponent(sizes, costs)
    growth = ", ".join(f"{rows:,}: {cost:.3g} s" for rows, cost in zip(sizes, costs, strict=True))
    print(f"    {what} grows with the power {exponent:.2f} of rows", flush=True)
    largest = sizes[-1]
    note = f"{_WORDS[what]}; processor time ({growth})"
    return [
        Figure(f"scale, {what}: power of rows that cost grows with", "", exponent, note=note),
        Figure(f"scale, {what}: a row of {largest:,}", "µs", costs[-1] / largest * 1e6, note=note),
        Figure(f"scale, {what}: peak memory with {largest:,} rows", "MiB", found[largest]["peak_mib"], note=note),
    ]
