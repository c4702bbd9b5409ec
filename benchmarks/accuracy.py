"""Accuracy on real trips: trained on January to June 2023, evaluated on July; the peer is plain LightGBM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import lightgbm
import numpy as np

from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.features import as_column
from noriba.features.columns import stack_columns, take_rows
from noriba.training.baselines import fit_baseline
from noriba.training.evaluation import measure
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.live import fill_means
from noriba.training.models import fit_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.records.evidence import Metrics
    from noriba.training.models import Predictor
    from noriba.usecase import UseCase

TRAINED = [f"green_tripdata_2023-{month:02d}.parquet" for month in range(1, 7)]
JUDGED = "green_tripdata_2023-07.parquet"


def run(folder: Path | None) -> None:
    """Print the errors of the baseline, of plain LightGBM and of the model."""
    if folder is None or not (folder / JUDGED).exists():
        print(f"  skipped: --trips FOLDER must hold {TRAINED[0]} … {JUDGED}")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    past = read_trips(use_case, [folder / name for name in TRAINED])
    future = read_trips(use_case, [folder / JUDGED])
    outcome = future[use_case.data.label]
    baseline = fit_baseline(use_case.model.baseline_keys, use_case.model.pace, past, past[use_case.data.label])
    _print("median pace by hour", measure(baseline.predict(future), outcome))
    plain = as_column(_fit_plain(use_case, settings, past).predict(_matrix(use_case, future)))
    _print("plain LightGBM L1", measure(plain, outcome))
    for name, kind in (
        ("noriba", use_case),
        ("noriba, no encoders", replace(use_case, model=replace(use_case.model, encoders=()))),
    ):
        answers = fit_past(kind, settings, past).predict_features(future)
        _print(name, measure(answers.value, outcome, low=answers.low, high=answers.high))


def _fit_plain(use_case: UseCase, settings: Hyperparameters, past: dict[str, Column]) -> lightgbm.Booster:
    parameters = {
        "objective": "regression_l1",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_leaf_rows,
        "verbose": -1,
    }
    dataset = lightgbm.Dataset(_matrix(use_case, past), past[use_case.data.label])
    return lightgbm.train(parameters, dataset, num_boost_round=settings.trees)


def _matrix(use_case: UseCase, columns: dict[str, Column]) -> np.ndarray:
    return stack_columns(columns, use_case.features.names)


def find_months(folder: Path | None, months: Iterable[str]) -> dict[str, Path] | None:
    """The TLC's files of green taxis by month; None where one is missing."""
    if folder is None:
        return None
    files = {month: folder / f"green_tripdata_{month}.parquet" for month in months}
    return files if all(path.exists() for path in files.values()) else None


def read_trips(use_case: UseCase, files: list[Path]) -> dict[str, Column]:
    """The kept rows of files, in order of time."""
    sources = load_sources(use_case)
    tables = []
    for path in files:
        with path.open("rb") as file:
            plan = plan_file(file, size=path.stat().st_size)
            source = choose_source(sources, plan.header)
            chunks = [read_chunk(file, plan, chunk) for chunk in plan.chunks]
        done = (transform_chunk(raw, source, use_case, object_key=path.name) for raw in chunks)
        tables += [chunk.kept for chunk in done if chunk.kept is not None]
    columns = {name: np.concatenate([table[name].to_numpy() for table in tables]) for name in tables[0].column_names}
    ordered = take_rows(columns, np.argsort(columns[use_case.data.event_time], kind="stable"))
    return fill_means(use_case, ordered, np.zeros(len(ordered[use_case.data.label]), np.bool_))


def fit_past(use_case: UseCase, settings: Hyperparameters, past: Columns) -> Predictor:
    """A model of rows in order of time, the last of which are held back for calibration."""
    rows = len(past[use_case.data.label])
    cut = round(rows * (1 - use_case.policies.training.calibration_share))
    return fit_model(use_case, settings, past, fit=slice(0, cut), calibration=slice(cut, rows)).load()


def _print(name: str, found: Metrics) -> None:
    coverage = "" if found.coverage is None else f"  80 % interval holds {found.coverage:.3f}"
    print(f"  {name:<22} MAE {found.mae:6.1f} s  RMSLE {found.rmsle:.3f}  {found.rows} trips{coverage}")
