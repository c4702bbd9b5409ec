"""Evaluating: metrics against scikit-learn, and candidate, champion and baseline on the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_squared_error, mean_squared_log_error

from noriba.errors import FeatureMismatchError
from noriba.features import FeatureSet
from noriba.records.evidence import Evidence, Metrics
from noriba.training.evaluation import Champion, Provenance, evaluate, measure
from noriba.training.fitting import fit_model
from tests.unit.training.deliveries import (
    FEATURES,
    INPUTS,
    OFFSET_M,
    USE_CASE,
    clock_hour,
    length_km,
    length_m,
    settle,
    start_area,
)

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit
    from noriba.usecase import UseCase

PROVENANCE = Provenance(snapshot_id="snap-1", bundle_digest="b" * 64, code_digest="c" * 64)
DURATIONS = st.floats(0.0, 1e5)


def tip(tip_cents: Column) -> Column:
    return tip_cents


# A use case that reads more than today's: a feature that today's snapshots do not hold.
OTHER_FEATURES = FeatureSet([length_m, start_area, clock_hour, length_km], inputs=INPUTS)
OTHER_USE_CASE = replace(USE_CASE, features=OTHER_FEATURES)


# --- metrics ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(DURATIONS, DURATIONS), min_size=1, max_size=100))
def test_errors_are_those_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    value, outcome = np.array(rows).T

    metrics = measure(value, outcome)

    assert metrics.rows == len(rows)
    assert metrics.mae == pytest.approx(mean_absolute_error(outcome, value))
    assert metrics.rmse == pytest.approx(np.sqrt(mean_squared_error(outcome, value)))
    assert metrics.rmsle == pytest.approx(np.sqrt(mean_squared_log_error(outcome, value)))
    assert metrics.coverage is metrics.mean_width is None


def test_coverage_counts_the_ends_of_the_interval_in() -> None:
    outcome = np.array([9.0, 10.0, 15.0, 20.0, 21.0])

    metrics = measure(outcome, outcome, low=np.full(5, 10.0), high=np.full(5, 20.0))

    assert metrics.coverage == 3 / 5
    assert metrics.mean_width == 10.0


def test_an_answer_below_zero_counts_as_nothing_in_the_logarithmic_error() -> None:
    metrics = measure(np.array([-50.0]), np.array([0.0]))

    assert metrics.rmsle == 0.0
    assert metrics.mae == 50.0


# --- candidate, champion, baseline -----------------------------------------------------------------------------------


def evaluate_it(
    model: Model,
    champion: Model | None,
    columns: dict[str, Column],
    split: TimeSplit,
    use_case: UseCase = USE_CASE,
    *,
    learned: FeatureSet | None = FEATURES,
) -> Evidence:
    beside = None if champion is None else Champion(champion.load(), learned)
    return evaluate(use_case, model.load(), beside, columns, split, provenance=PROVENANCE)


def train(columns: dict[str, Column], split: TimeSplit, use_case: UseCase = USE_CASE) -> Model:
    return fit_model(use_case, settle(trees=5), columns, fit=split.fit, calibration=split.calibration)


def test_the_candidate_is_evaluated_on_the_hold_out_alone(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    evidence = evaluate_it(model, None, deliveries, split)

    held_out = {name: column[split.holdout] for name, column in deliveries.items()}
    answers, outcome = model.load().predict_features(held_out), held_out["duration_s"]
    assert evidence.candidate == measure(answers.value, outcome, low=answers.low, high=answers.high)
    assert (evidence.holdout_first_s, evidence.holdout_last_s) == tuple(held_out["sent_at_s"][[0, -1]])
    assert (evidence.snapshot_id, evidence.bundle_digest, evidence.code_digest) == ("snap-1", "b" * 64, "c" * 64)
    assert evidence.claimed_coverage == pytest.approx(0.8)
    assert 0.0 < evidence.latency_p95_ms < 1_000.0


def test_the_baseline_knows_everything_before_the_hold_out(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    evidence = evaluate_it(model, None, deliveries, split)

    frame = pd.DataFrame(deliveries)
    frame["log_pace"] = np.log(frame["duration_s"] / (frame["length_m"] + OFFSET_M))
    before, after = frame[: split.holdout.start], frame[split.holdout.start :]
    log_pace = after["clock_hour"].map(before.groupby("clock_hour")["log_pace"].median())
    answers = np.exp(log_pace.fillna(before["log_pace"].median())) * (after["length_m"] + OFFSET_M)
    assert evidence.baseline.mae == pytest.approx(mean_absolute_error(after["duration_s"], answers))
    assert evidence.baseline.coverage is None
    assert evidence.candidate.mae < 0.95 * evidence.baseline.mae


def test_without_a_champion_there_is_none_to_compare_with(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    evidence = evaluate_it(model, None, deliveries, split)

    assert evidence.champion is None
    assert evidence.champion_unavailable is None
    assert all(part.champion is None for part in evidence.slices)


def test_the_champion_is_evaluated_on_the_same_rows(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    champion = train(deliveries, split)

    evidence = evaluate_it(model, champion, deliveries, split)

    assert evidence.champion == evaluate_it(champion, None, deliveries, split).candidate
    assert evidence.champion != evidence.candidate
    assert evidence.champion_unavailable is None


def test_slices_divide_the_hold_out(model: Model, deliveries: dict[str, Column], split: TimeSplit) -> None:
    evidence = evaluate_it(model, model, deliveries, split)

    assert [(part.name, part.value) for part in evidence.slices] == [
        ("half of day", "afternoon"),
        ("half of day", "morning"),
    ]
    assert sum(part.candidate.rows for part in evidence.slices) == evidence.candidate.rows
    weighted = sum(part.candidate.mae * part.candidate.rows for part in evidence.slices)
    assert weighted / evidence.candidate.rows == pytest.approx(evidence.candidate.mae)
    assert all(part.champion == part.candidate for part in evidence.slices)


def test_a_champion_that_reads_fewer_features_is_evaluated_all_the_same(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    columns = {**deliveries, **OTHER_FEATURES.compute(deliveries)}
    candidate = train(columns, split, OTHER_USE_CASE)

    evidence = evaluate_it(candidate, model, columns, split, OTHER_USE_CASE)

    assert evidence.champion == evaluate_it(model, None, deliveries, split).candidate


def test_a_champion_of_other_features_is_asked_in_its_own(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    columns = {**deliveries, **OTHER_FEATURES.compute(deliveries)}
    champion = train(columns, split, OTHER_USE_CASE)

    evidence = evaluate_it(model, champion, deliveries, split, learned=OTHER_FEATURES)

    assert evidence.champion_unavailable is None
    assert evidence.champion == evaluate_it(champion, None, columns, split, OTHER_USE_CASE).candidate
    assert all(part.champion is not None for part in evidence.slices)


@pytest.mark.parametrize(
    ("learned", "reason"),
    [
        (None, "its bundle holds no feature definitions"),
        (FeatureSet([tip], inputs=["tip_cents"]), "missing input column tip_cents"),
    ],
)
def test_a_champion_whose_features_cannot_be_computed_is_unavailable_and_says_why(
    model: Model, deliveries: dict[str, Column], split: TimeSplit, learned: FeatureSet | None, reason: str
) -> None:
    evidence = evaluate_it(model, model, deliveries, split, learned=learned)

    assert evidence.champion is None
    assert evidence.champion_unavailable is not None
    assert reason in evidence.champion_unavailable
    assert all(part.champion is None for part in evidence.slices)


def test_a_candidate_of_other_features_cannot_be_evaluated(deliveries: dict[str, Column], split: TimeSplit) -> None:
    candidate = train({**deliveries, **OTHER_FEATURES.compute(deliveries)}, split, OTHER_USE_CASE)

    with pytest.raises(FeatureMismatchError, match="the model needs length_km@"):
        evaluate_it(candidate, None, deliveries, split)


def test_evidence_survives_being_written_down(model: Model, deliveries: dict[str, Column], split: TimeSplit) -> None:
    evidence = evaluate_it(model, model, deliveries, split)

    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence


def test_metrics_are_never_of_no_rows() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Metrics(rows=0, mae=0.0, rmse=0.0, rmsle=0.0)


def test_today_s_features_are_what_these_tests_assume() -> None:
    assert FEATURES.identities == OTHER_FEATURES.identities[:3]
