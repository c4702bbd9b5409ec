"""Accuracy on real trips: trained on January to June 2023, evaluated on July; the peer is plain LightGBM.

July 2023 chose nothing: settings were chosen on other months, see docs/accuracy.md.
"""

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
from noriba.training.fitting import fit_model
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.live import fill_means

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.records.evidence import Metrics
    from noriba.training.models import Predictor
    from noriba.usecase import UseCase

TRAINED = [f"green_tripdata_2023-{month:02d}.parquet" for month in range(1, 7)]
JUDGED = "green_tripdata_2023-07.parquet"
REACH_MAE_S, REACH_RMSLE, REACH_COVERAGE = 213.0, 0.385, (0.78, 0.82)
"""What docs/accuracy.md set out for."""


def run(folder: Path | None) -> None:
    """Print the errors of the baseline, of plain LightGBM and of the model."""
    if folder is None or not (folder / JUDGED).exists():
        print(f"  skipped: --trips FOLDER must hold {TRAINED[0]} … {JUDGED}")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    past = read_trips(use_case, [folder / name for name in TRAINED])
    future, untold = (read_trips(use_case, [folder / JUDGED], told=told) for told in (True, False))
    outcome = future[use_case.data.label]
    baseline = fit_baseline(use_case.model.baseline_keys, use_case.model.pace, past, past[use_case.data.label])
    print_metrics("median pace by hour", measure(baseline.predict(future), outcome))
    for words, names in (
        ("plain LightGBM L1", list_request_features(use_case)),
        ("  told of the last hours", use_case.features.names),
    ):
        plain = predict_plain(fit_plain(settings, past, names, use_case.data.label), future, names)
        print_metrics(words, measure(plain, outcome))
    predictor = fit_past(use_case, settings, past)
    found = _measure(predictor, future, outcome)
    print_metrics("noriba", found)
    _print_reach(found)
    print_metrics("  told nothing of them", _measure(predictor, untold, outcome))
    without_encoders = replace(use_case, model=replace(use_case.model, encoders=()))
    print_metrics("noriba, no encoders", judge(without_encoders, settings, past, future))


def judge(use_case: UseCase, settings: Hyperparameters, past: Columns, future: Columns) -> Metrics:
    """What a model of the past gets right of the future."""
    return _measure(fit_past(use_case, settings, past), future, future[use_case.data.label])


def _measure(predictor: Predictor, future: Columns, outcome: Column) -> Metrics:
    answers = predictor.predict_features(future)
    return measure(answers.value, outcome, low=answers.low, high=answers.high)


def list_request_features(use_case: UseCase) -> tuple[str, ...]:
    """The features that need nothing but a request."""
    live = set() if use_case.live is None else set(use_case.live.names)
    return tuple(feature.name for feature in use_case.features.features if live.isdisjoint(feature.inputs))


def fit_plain(settings: Hyperparameters, past: Columns, names: Sequence[str], label: str) -> lightgbm.Booster:
    """LightGBM's own L1 regression on some of the features, with as many trees."""
    parameters = {
        "objective": "regression_l1",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_leaf_rows,
        "verbose": -1,
    }
    dataset = lightgbm.Dataset(stack_columns(past, names), past[label])
    return lightgbm.train(parameters, dataset, num_boost_round=settings.trees)


def predict_plain(booster: lightgbm.Booster, columns: Columns, names: Sequence[str]) -> Column:
    """What it answers, in the label's unit, shape (n,)."""
    return as_column(booster.predict(stack_columns(columns, names)))


def find_months(folder: Path | None, months: Iterable[str]) -> dict[str, Path] | None:
    """The TLC's files of green taxis by month; None where one is missing."""
    if folder is None:
        return None
    files = {month: folder / f"green_tripdata_{month}.parquet" for month in months}
    return files if all(path.exists() for path in files.values()) else None


def read_trips(use_case: UseCase, files: list[Path], *, told: bool | None = None) -> dict[str, Column]:
    """The kept rows of files, in order of time.

    Args:
        use_case: whose.
        files: as they were landed.
        told: whether each is told of the last hours, as in production, or none is; None to hide them from some, as
            training does.
    """
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
    if told and use_case.live is not None:
        use_case = replace(use_case, live=replace(use_case.live, hidden_share=0.0))
    # What was given is nothing: files know nothing of the last hours.
    return fill_means(use_case, ordered, np.full(len(ordered[use_case.data.label]), told is False))


def fit_past(use_case: UseCase, settings: Hyperparameters, past: Columns) -> Predictor:
    """A model of rows in order of time, the last of which are held back for calibration."""
    rows = len(past[use_case.data.label])
    cut = round(rows * (1 - use_case.policies.training.calibration_share))
    return fit_model(use_case, settings, past, fit=slice(0, cut), calibration=slice(cut, rows)).load()


def print_metrics(name: str, found: Metrics) -> None:
    """A line of the table."""
    interval = "" if found.coverage is None else f"  80 % interval holds {found.coverage:.3f}"
    interval += "" if found.mean_width is None else f", {found.mean_width:.0f} s wide"
    print(f"  {name:<22} MAE {found.mae:6.1f} s  RMSLE {found.rmsle:.4f}  {found.rows} trips{interval}")


def _print_reach(found: Metrics) -> None:
    low, high = REACH_COVERAGE
    told = {
        f"MAE ≤ {REACH_MAE_S:.0f} s": found.mae <= REACH_MAE_S,
        f"RMSLE ≤ {REACH_RMSLE}": found.rmsle <= REACH_RMSLE,
        f"coverage {low} to {high}": found.coverage is not None and low <= found.coverage <= high,
    }
    print("  reach: " + ", ".join(f"{name} {'met' if is_met else 'not met'}" for name, is_met in told.items()))
