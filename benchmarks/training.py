"""Training: the trees of three quantiles; the peer is LightGBM as it comes, one quantile after another on all cores."""

from __future__ import annotations

from datetime import date

import lightgbm
import numpy as np

from benchmarks.clock import time_in_turn
from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.features import as_column
from noriba.features.columns import stack_columns
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.quantiles import fit_quantiles
from usecases.taxi_eta.simulator import simulate

RUNS = 3


def run(rows: int) -> None:
    """Print seconds, and the ratio to LightGBM over the same rows."""
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    table = simulate(rows, seed=1, first_day=date(2026, 1, 5), days=56)
    source = choose_source(load_sources(use_case), table.column_names)
    kept = transform_chunk(RawRows.whole(table), source, use_case, object_key="trips.parquet").kept
    assert kept is not None  # noqa: S101  # a city of nothing but faults is not simulated
    names = use_case.features.names
    matrix = stack_columns({name: as_column(kept[name].to_numpy()) for name in names}, names)
    label = as_column(np.log(kept[use_case.data.label].to_numpy()))

    def ours() -> None:
        fit_quantiles(matrix, label, names=names, settings=settings)

    def theirs() -> None:
        for quantile in settings.quantiles:
            parameters = {
                "objective": "quantile",
                "alpha": quantile,
                "learning_rate": settings.learning_rate,
                "num_leaves": settings.leaves,
                "min_data_in_leaf": settings.min_leaf_rows,
                "verbose": -1,
            }
            lightgbm.train(parameters, lightgbm.Dataset(matrix, label), num_boost_round=settings.trees)

    pair = time_in_turn(ours, theirs, runs=RUNS)
    print(f"  noriba    {min(pair.ours_s):>8.1f} s  (three quantiles, {len(matrix)} rows, deterministic)")
    print(f"  LightGBM  {min(pair.theirs_s):>8.1f} s  (the same trees, not deterministic)")
    print(f"  ratio     {pair.ratio:>8.2f} × LightGBM")
