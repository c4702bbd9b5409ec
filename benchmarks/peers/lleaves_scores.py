"""The same trees compiled by lleaves. `python lleaves_scores.py BUNDLE ROWS.npy CACHE`: seconds of three quantiles.

First by the wall clock on all cores, then of processor time on one; the least of three runs each.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import lightgbm
import lleaves
import numpy as np

RUNS = 3


def main(bundle: Path, rows_file: Path, cache: Path) -> None:
    """Compile, where nobody has yet; check against LightGBM; measure."""
    rows = np.load(rows_file)
    cache.mkdir(parents=True, exist_ok=True)
    models = []
    for place in range(3):
        text = bundle / f"quantile_{place}.txt"
        model = lleaves.Model(model_file=str(text))
        model.compile(cache=str(cache / f"{place}.o"))
        expected = lightgbm.Booster(model_file=str(text)).predict(rows[:1_000])
        np.testing.assert_allclose(model.predict(rows[:1_000], n_jobs=1), expected, rtol=1e-9)
        models.append(model)
    cores = len(os.sched_getaffinity(0))
    wall_s = min(_time(models, rows, cores, time.perf_counter) for _ in range(RUNS))
    print(wall_s, min(_time(models, rows, 1, time.process_time) for _ in range(RUNS)))


def _time(models: list[lleaves.Model], rows: np.ndarray, jobs: int, clock: object) -> float:
    assert callable(clock)  # noqa: S101  # a function of `time`
    begun_s = clock()
    for model in models:
        model.predict(rows, n_jobs=jobs)
    return float(clock() - begun_s)


main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
