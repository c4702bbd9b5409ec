"""Every gate, open and closed, in its own words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from noriba.records.evidence import SliceEvidence
from noriba.registry.gates import GateResult, apply_gates
from noriba.usecase import GatePolicy

if TYPE_CHECKING:
    from noriba.records.evidence import Evidence
    from tests.unit.registry.conftest import MakeEvidence, MakeMetrics

POLICY = GatePolicy(
    max_mae_to_baseline=0.9,
    max_mae_to_champion=1.02,
    max_coverage_error=0.05,
    max_slice_mae_to_champion=1.1,
    min_slice_rows=500,
    max_latency_ms=50.0,
)


def ask(name: str, evidence: Evidence) -> GateResult:
    (result,) = (gate for gate in apply_gates(evidence, POLICY) if gate.name == name)
    return result


def test_gates_are_asked_in_the_order_in_which_people_ask(evidence: MakeEvidence, metrics: MakeMetrics) -> None:
    alone = apply_gates(evidence(), POLICY)
    beside_champion = apply_gates(evidence(champion=metrics()), POLICY)

    assert [gate.name for gate in alone] == [
        "beats the baseline",
        "not worse than the champion",
        "covers what it claims",
        "fast enough",
    ]
    assert [gate.name for gate in beside_champion] == [
        "beats the baseline",
        "not worse than the champion",
        "no slice left behind",
        "covers what it claims",
        "fast enough",
    ]
    assert all(gate.passed for gate in (*alone, *beside_champion))


@pytest.mark.parametrize(
    ("mae", "passed", "finding"),
    [
        (134.0, True, "MAE to baseline's: 0.893, at most 0.9"),
        (135.0, True, "MAE to baseline's: 0.900, at most 0.9"),
        (136.0, False, "MAE to baseline's: 0.907, at most 0.9"),
        (math.nan, False, "MAE to baseline's: nan, at most 0.9"),
    ],
)
def test_a_candidate_must_beat_the_baseline(
    evidence: MakeEvidence, metrics: MakeMetrics, mae: float, passed: bool, finding: str
) -> None:
    result = ask("beats the baseline", evidence(candidate=metrics(mae), baseline=metrics(150.0)))

    assert result == GateResult(name="beats the baseline", passed=passed, finding=finding)


@pytest.mark.parametrize(
    ("mae", "passed", "finding"),
    [
        (102.0, True, "MAE to champion's: 1.020, at most 1.02"),
        (102.5, False, "MAE to champion's: 1.025, at most 1.02"),
    ],
)
def test_a_candidate_must_not_be_worse_than_the_champion(
    evidence: MakeEvidence, metrics: MakeMetrics, mae: float, passed: bool, finding: str
) -> None:
    result = ask("not worse than the champion", evidence(candidate=metrics(mae), champion=metrics(100.0)))

    assert result == GateResult(name="not worse than the champion", passed=passed, finding=finding)


def test_the_first_candidate_has_no_champion_to_beat(evidence: MakeEvidence) -> None:
    result = ask("not worse than the champion", evidence())

    assert (result.passed, result.finding) == (True, "there is no champion yet")


@pytest.mark.parametrize("gate", ["not worse than the champion", "no slice left behind"])
def test_what_could_not_be_compared_with_the_champion_has_not_passed(evidence: MakeEvidence, gate: str) -> None:
    reason = "the champion's features cannot be computed from this snapshot: missing input column rain"

    result = ask(gate, evidence().model_copy(update={"champion_unavailable": reason}))

    assert (result.passed, result.finding) == (False, f"not evaluated: {reason}")


def make_slice(metrics: MakeMetrics, value: str, mae: float, champion: float | None, rows: int = 500) -> SliceEvidence:
    return SliceEvidence(
        name="borough",
        value=value,
        candidate=metrics(mae, rows=rows),
        champion=None if champion is None else metrics(champion, rows=rows),
    )


@pytest.mark.parametrize(
    ("worst", "passed", "finding"),
    [
        (109.0, True, "worst MAE to champion's: 1.090 (borough Queens), at most 1.1"),
        (111.0, False, "worst MAE to champion's: 1.110 (borough Queens), at most 1.1"),
    ],
)
def test_no_slice_may_be_left_behind_and_the_worst_is_named(
    evidence: MakeEvidence, metrics: MakeMetrics, worst: float, passed: bool, finding: str
) -> None:
    slices = (
        make_slice(metrics, "Bronx", 90.0, 100.0),
        make_slice(metrics, "Queens", worst, 100.0),
        make_slice(metrics, "Brooklyn", 200.0, 190.0),
        make_slice(metrics, "Staten Island", 300.0, 100.0, rows=499),
    )

    result = ask("no slice left behind", evidence(champion=metrics(), slices=slices))

    assert result == GateResult(name="no slice left behind", passed=passed, finding=finding)


def test_slices_that_are_all_too_small_are_reported_and_not_judged(
    evidence: MakeEvidence, metrics: MakeMetrics
) -> None:
    slices = (make_slice(metrics, "Bronx", 900.0, 100.0, rows=499),)

    result = ask("no slice left behind", evidence(champion=metrics(), slices=slices))

    assert (result.passed, result.finding) == (True, "no slice has 500 rows")


@pytest.mark.parametrize(
    ("coverage", "passed", "finding"),
    [
        (0.76, True, "interval holds 0.760 of outcomes, claims 0.800 ± 0.05"),
        (0.84, True, "interval holds 0.840 of outcomes, claims 0.800 ± 0.05"),
        (0.74, False, "interval holds 0.740 of outcomes, claims 0.800 ± 0.05"),
        (0.86, False, "interval holds 0.860 of outcomes, claims 0.800 ± 0.05"),
        (math.nan, False, "interval holds nan of outcomes, claims 0.800 ± 0.05"),
        (None, False, "the candidate gives no interval"),
    ],
)
def test_the_interval_must_hold_what_it_claims_neither_less_nor_more(
    evidence: MakeEvidence, metrics: MakeMetrics, coverage: float | None, passed: bool, finding: str
) -> None:
    result = ask("covers what it claims", evidence(candidate=metrics(coverage=coverage)))

    assert result == GateResult(name="covers what it claims", passed=passed, finding=finding)


@pytest.mark.parametrize(
    ("latency_ms", "passed", "finding"),
    [
        (50.0, True, "p95 of one answer, ms: 50.000, at most 50"),
        (50.1, False, "p95 of one answer, ms: 50.100, at most 50"),
    ],
)
def test_an_answer_must_be_fast_enough(evidence: MakeEvidence, latency_ms: float, passed: bool, finding: str) -> None:
    result = ask("fast enough", evidence(latency_p95_ms=latency_ms))

    assert result == GateResult(name="fast enough", passed=passed, finding=finding)
