"""Doubts on real trips: who is doubted, and with what right; and how long doubts and explanations take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy import TRAINED, read_trips
from noriba.features.columns import take_rows
from noriba.training.doubts import find_doubts
from noriba.training.experience import record_experience
from noriba.training.explanations import explain
from noriba.training.fitting import fit_model
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.splits import split_by_policy
from noriba.usecase import MOST_EXPLAINED, HumilityPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.records.experience import Experience
    from noriba.training.models import Predictor

MONTHS = 4
_TIMES = 15


def run(folder: Path | None) -> None:
    """Print, by kind of doubt, how many trips of the hold-out have it, and how wrong their predictions are."""
    if folder is None or not (folder / TRAINED[MONTHS - 1]).exists():
        print(f"  skipped: --trips FOLDER must hold {TRAINED[0]} … {TRAINED[MONTHS - 1]}")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    columns = read_trips(use_case, [folder / name for name in TRAINED[:MONTHS]])
    split = split_by_policy(columns[use_case.data.event_time], settings)
    model = fit_model(use_case, settings, columns, fit=split.fit, calibration=split.calibration)
    experience, predictor = record_experience(model, columns, split), model.load()
    rows = take_rows(columns, np.arange(split.holdout.start, split.holdout.stop))
    answers, outcome = predictor.predict_features(rows), rows[use_case.data.label]
    covered = (answers.low <= outcome) & (outcome <= answers.high)
    error = np.abs(answers.value - outcome) / outcome
    for title, policy in (("default", HumilityPolicy()), ("unseen_groups", HumilityPolicy(unseen_groups=True))):
        print(f"  {title}, of {len(outcome)} trips")
        found = find_doubts(model, experience, rows, answers, policy)
        kinds = [{doubt.kind for doubt in doubts} for doubts in found]
        for kind in sorted(set().union(*kinds)):
            _print(kind, np.array([kind in some for some in kinds]), error, covered)
        _print("none", np.array([not some for some in kinds]), error, covered)
    for number in (1, MOST_EXPLAINED):
        _clock(predictor, experience, take_rows(rows, np.arange(number)))


def _clock(predictor: Predictor, experience: Experience, rows: Columns) -> None:
    answers, policy, model = predictor.predict_features(rows), HumilityPolicy(), predictor.model
    predict_ms = _measure_ms(lambda: predictor.predict_features(rows))
    doubt_ms = _measure_ms(lambda: find_doubts(model, experience, rows, answers, policy))
    explain_ms = _measure_ms(lambda: explain(predictor, rows))
    print(
        f"  {len(answers.value)} rows: predicted in {predict_ms:.2f} ms, doubted in {doubt_ms:.2f}, "
        f"explained in {explain_ms:.1f}"
    )


def _print(kind: str, chosen: np.ndarray, error: Column, covered: np.ndarray) -> None:
    print(
        f"    {kind:<14} {np.mean(chosen):7.2%}  relative error {np.mean(error[chosen]):.2f}"
        f"  interval holds {np.mean(covered[chosen]):.3f}"
    )


def _measure_ms(work: Callable[[], object]) -> float:
    """Median of some calls."""
    spent = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent)) * 1000.0
