"""The same trees compiled by lleaves. `python lleaves_scores.py BUNDLE ROWS.npy CACHE`: seconds of three quantiles.

First by the wall clock on all cores, then of processor time on one; the least of three runs each. A forest as it is
takes many minutes to compile; some of its trees are compiled, and their time is taken times as many as there are. Fewer
trees fit better into caches, so that the whole would be no faster.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import lightgbm
import lleaves
import numpy as np

RUNS, TREES = 3, 50


def main(bundle: Path, rows_file: Path, cache: Path) -> None:
    """Compile, where nobody has yet; check against LightGBM; measure."""
    rows = np.load(rows_file)
    booster = lightgbm.Booster(model_file=str(bundle / "quantile_1.txt"))
    cache.mkdir(parents=True, exist_ok=True)
    text = cache / f"{TREES}.txt"
    booster.save_model(str(text), num_iteration=TREES)
    model = lleaves.Model(model_file=str(text))
    model.compile(cache=str(cache / f"{TREES}.o"))
    expected = booster.predict(rows[:1_000], num_iteration=TREES)
    np.testing.assert_allclose(model.predict(rows[:1_000], n_jobs=1), expected, rtol=1e-9)
    cores, whole = len(os.sched_getaffinity(0)), 3 * booster.num_trees() / TREES
    wall_s = min(_time(model, rows, cores, time.perf_counter) for _ in range(RUNS))
    processor_s = min(_time(model, rows, 1, time.process_time) for _ in range(RUNS))
    print(wall_s * whole, processor_s * whole)


def _time(model: lleaves.Model, rows: np.ndarray, jobs: int, clock: object) -> float:
    assert callable(clock)  # noqa: S101  # a function of `time`
    begun_s = clock()
    model.predict(rows, n_jobs=jobs)
    return float(clock() - begun_s)


main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
