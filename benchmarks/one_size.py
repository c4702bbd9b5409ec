"""One size of one kind of work, in a process of its own. `python -m benchmarks.one_size WHAT ROWS FOLDER`.

Prints seconds of the wall clock and of processors, and the most memory that the process had meanwhile, in MiB. FOLDER
holds a bundle.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.model import simulate_trips, transform
from benchmarks.one_file import read_peak_mib
from noriba.features import as_column
from noriba.features.columns import stack_columns
from noriba.training.answering import Answerer
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.quantiles import fit_quantiles
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.features import Column

CHUNK = 1_000_000
"""Rows of a chunk at most, as files are read; more rows are so many chunks, one after another."""
_RUNS_S = 1.0
"""What takes less is repeated, and the least counts."""


def main(what: str, rows: int, bundle: Path) -> None:
    """Prepare, measure, tell."""
    work = {"transform": _transform, "score": _score, "train": _train}[what](rows, bundle)
    forget_peak()
    wall: list[float] = []
    processor: list[float] = []
    while sum(wall) < _RUNS_S:
        begun = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - begun[0])
        processor.append(time.process_time() - begun[1])
    print(json.dumps({"wall_s": min(wall), "processor_s": min(processor), "peak_mib": read_peak_mib()}))


def forget_peak() -> None:
    """Let the kernel count the peak anew, where it may be told to: what was prepared does not count.

    https://docs.kernel.org/filesystems/proc.html: 5 in clear_refs resets the peak resident set size.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _transform(rows: int, _bundle: Path) -> Callable[[], None]:
    use_case, raw = load_use_case("taxi_eta"), simulate_trips(min(rows, CHUNK))

    def work() -> None:
        for _ in range(max(1, rows // CHUNK)):
            transform(use_case, raw)

    return work


def _score(rows: int, bundle: Path) -> Callable[[], None]:
    answerer, columns = Answerer.load(bundle), _make_columns(min(rows, CHUNK))
    answerer.compile()
    predictor = answerer.predictor

    def work() -> None:
        for _ in range(max(1, rows // CHUNK)):
            predictor.predict_features(columns)

    return work


def _train(rows: int, _bundle: Path) -> Callable[[], None]:
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    columns, names = _make_columns(rows), use_case.features.names
    matrix, label = stack_columns(columns, names), as_column(np.log(columns[use_case.data.label]))

    def work() -> None:
        fit_quantiles(matrix, label, names=names, settings=settings)

    return work


def _make_columns(rows: int) -> dict[str, Column]:
    """So many kept rows; a hundredth of what is simulated is faulty."""
    kept = transform(load_use_case("taxi_eta"), simulate_trips(round(rows * 1.03) + 50))
    if kept.num_rows < rows:
        raise RuntimeError(f"of the simulated rows {kept.num_rows} were kept, and {rows} are needed")
    return {name: as_column(kept[name].to_numpy()[:rows]) for name in kept.column_names}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
