"""Evidence and candidates, good in every respect unless a test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from noriba.records.evidence import Evidence, Metrics, WindowEvidence, WindowTrial
from noriba.registry.candidates import Candidate, Lineage
from noriba.registry.gates import apply_gates
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from noriba.usecase import UseCase


WINDOW = WindowEvidence(
    window="last 7.5 days",
    rows=9_000,
    first_s=1.69e9,
    last_s=1.70e9,
    trials=(
        WindowTrial(window="all rows", rows=20_000, mae=120.0),
        WindowTrial(window="last 7.5 days", rows=8_000, mae=110.0, clearly_better=True),
        WindowTrial(window="since the last change", rows=10),
    ),
    judged_rows=1_000,
)


class MakeMetrics(Protocol):
    def __call__(self, mae: float = 100.0, **changes: Any) -> Metrics: ...


class MakeEvidence(Protocol):
    def __call__(self, **changes: Any) -> Evidence: ...


class MakeCandidate(Protocol):
    def __call__(self, **changes: Any) -> Candidate: ...


@pytest.fixture(scope="session")
def use_case() -> UseCase:
    return load_use_case("taxi_eta")


@pytest.fixture(scope="session")
def metrics() -> MakeMetrics:
    """`metrics(mae, …)`: what evaluation found on some rows."""

    def make(mae: float = 100.0, **changes: Any) -> Metrics:
        found = {"rows": 5_000, "mae": mae, "rmse": 1.5 * mae, "rmsle": 0.3, "coverage": 0.81, "mean_width": 400.0}
        return Metrics.model_validate({**found, **changes})

    return make


@pytest.fixture(scope="session")
def evidence(metrics: MakeMetrics) -> MakeEvidence:
    """`evidence(…)`: a candidate that beats its baseline, covers what it claims and is fast; there is no champion."""

    def make(**changes: Any) -> Evidence:
        found: dict[str, Any] = {
            "use_case": "taxi_eta",
            "snapshot_id": "snap-0123456789abcdef",
            "holdout_first_s": 1.70e9,
            "holdout_last_s": 1.71e9,
            "claimed_coverage": 0.8,
            "candidate": metrics(100.0),
            "baseline": metrics(150.0, coverage=None, mean_width=None),
            "slices": (),
            "latency_p95_ms": 2.5,
            "window": WINDOW,
            "feature_fingerprint": "f" * 64,
            "bundle_digest": "b" * 64,
            "code_digest": "c" * 64,
        }
        return Evidence.model_validate({**found, **changes})

    return make


@pytest.fixture(scope="session")
def candidate(use_case: UseCase, evidence: MakeEvidence) -> MakeCandidate:
    """`candidate(…)`: a candidate with that evidence, as the registry is given it."""
    account = "123456789012"
    lineage = Lineage(
        decision_id="20260301-101500-a1b2c3",
        snapshot_id="snap-0123456789abcdef",
        manifest_uri="s3://datasets/taxi_eta/snapshots/snap-0123456789abcdef/manifest.json",
        training_job_arn=f"arn:aws:sagemaker:eu-west-1:{account}:training-job/taxi-eta-20260301-101500-a1b2c3",
        image_uri=f"{account}.dkr.ecr.eu-west-1.amazonaws.com/assets:{'d' * 64}",
        model_data_uri="s3://models/taxi_eta/training/taxi-eta-20260301-101500-a1b2c3/output/model.tar.gz",
        evaluation_uri="s3://models/taxi_eta/evaluation/taxi-eta-20260301-101500-a1b2c3/evaluation.json",
        bundle_digest="b" * 64,
        code_digest="c" * 64,
        feature_fingerprint="f" * 64,
    )

    def make(**changes: Any) -> Candidate:
        found = evidence(**changes)
        return Candidate(
            use_case=use_case.name, lineage=lineage, evidence=found, gates=apply_gates(found, use_case.policies.gates)
        )

    return make
