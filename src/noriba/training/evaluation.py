"""Evaluation: the candidate, the champion and the baseline on the same hold-out, whole and slice by slice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.errors import FeatureMismatchError
from noriba.features.columns import take_rows
from noriba.records.evidence import Evidence, Metrics, SliceEvidence
from noriba.training.baselines import fit_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.features import Column, Columns, FeatureSet
    from noriba.records.evidence import WindowEvidence
    from noriba.training.models import Answers, Predictor
    from noriba.training.splits import TimeSplit
    from noriba.usecase import UseCase

LATENCY_CALLS = 300


@dataclass(frozen=True)
class Provenance:
    """For the record: the snapshot, the digests of the bundle and of the code that made it, what it learned from."""

    snapshot_id: str
    bundle_digest: str
    code_digest: str
    window: WindowEvidence | None = None


def measure(value: Column, outcome: Column, *, low: Column | None = None, high: Column | None = None) -> Metrics:
    """Error of predicted values, and coverage where an interval is given; all of shape (n,)."""
    error = value - outcome
    covered = width = None
    if low is not None and high is not None:
        covered = float(np.mean((low <= outcome) & (outcome <= high)))
        width = float(np.mean(high - low))
    return Metrics(
        rows=len(outcome),
        mae=float(np.mean(np.abs(error))),
        rmse=float(np.sqrt(np.mean(error**2))),
        rmsle=float(np.sqrt(np.mean((np.log1p(np.maximum(value, 0.0)) - np.log1p(outcome)) ** 2))),
        coverage=covered,
        mean_width=width,
    )


@dataclass(frozen=True)
class Champion:
    """The model in production, and its features as it learned them; None where its bundle is too old to hold them."""

    predictor: Predictor
    features: FeatureSet | None

    def predict(self, columns: Columns) -> Answers:
        """Answers for a table with the inputs, whatever the features are today.

        Raises:
            FeatureMismatchError: the bundle holds no definitions, or the table lacks an input that they read.
        """
        if self.features is None:
            raise FeatureMismatchError("its bundle holds no feature definitions")
        return self.predictor.predict(self.features.compute_identified(columns))


def evaluate(
    use_case: UseCase,
    candidate: Predictor,
    champion: Champion | None,
    columns: Columns,
    split: TimeSplit,
    *,
    provenance: Provenance,
) -> Evidence:
    """Hold the candidate against the champion and the naive baseline.

    Args:
        use_case: slices and baseline.
        candidate: the new model.
        champion: the model in production, if there is one.
        columns: the whole snapshot, ordered by time.
        split: where the hold-out lies; the baseline is fitted on everything before it.
        provenance: for the record.

    Raises:
        FeatureMismatchError: the candidate reads features of other definitions than the columns were made by.
    """
    before = take_rows(columns, np.arange(split.holdout.start))
    held_out = take_rows(columns, np.arange(split.holdout.start, split.holdout.stop))
    outcome = held_out[use_case.data.label]
    answers = candidate.predict(use_case.features.identify(held_out))
    champion_answers, unavailable = _ask_champion(champion, held_out)
    baseline = fit_baseline(use_case.model.baseline_keys, use_case.model.pace, before, before[use_case.data.label])
    return Evidence(
        use_case=use_case.name,
        snapshot_id=provenance.snapshot_id,
        holdout_first_s=float(held_out[use_case.data.event_time][0]),
        holdout_last_s=float(held_out[use_case.data.event_time][-1]),
        claimed_coverage=candidate.model.claimed_coverage,
        candidate=_measure_answers(answers, outcome),
        baseline=measure(baseline.predict(held_out), outcome),
        champion=champion_answers and _measure_answers(champion_answers, outcome),
        champion_unavailable=unavailable,
        slices=tuple(_evaluate_slices(use_case, held_out, outcome, answers, champion_answers)),
        latency_p95_ms=_measure_latency_ms(candidate, held_out),
        feature_fingerprint=use_case.features.fingerprint,
        bundle_digest=provenance.bundle_digest,
        code_digest=provenance.code_digest,
        window=provenance.window,
        # What serves the model is the image that evaluates it.
        stretches=True,
    )


def _ask_champion(champion: Champion | None, held_out: Columns) -> tuple[Answers | None, str | None]:
    if champion is None:
        return None, None
    try:
        return champion.predict(held_out), None
    except FeatureMismatchError as error:
        return None, f"the champion's features cannot be computed from this snapshot: {error}"


def _measure_answers(answers: Answers, outcome: Column, rows: np.ndarray | slice = slice(None)) -> Metrics:
    return measure(answers.value[rows], outcome[rows], low=answers.low[rows], high=answers.high[rows])


def _evaluate_slices(
    use_case: UseCase, held_out: Columns, outcome: Column, answers: Answers, champion: Answers | None
) -> Iterator[SliceEvidence]:
    for name, give_labels in use_case.data.slices.items():
        labels = give_labels(held_out)
        for value in np.unique(labels):
            rows = labels == value
            yield SliceEvidence(
                name=name,
                value=str(value),
                candidate=_measure_answers(answers, outcome, rows),
                champion=champion and _measure_answers(champion, outcome, rows),
            )


def _measure_latency_ms(candidate: Predictor, held_out: Columns) -> float:
    """95th percentile of single-row answers, in milliseconds."""
    rows = len(next(iter(held_out.values())))
    spent = []
    for call in range(LATENCY_CALLS):
        row = take_rows(held_out, np.array([call % rows]))
        start = time.perf_counter()
        candidate.predict_features(row)
        spent.append(time.perf_counter() - start)
    return float(np.percentile(spent, 95)) * 1000.0
