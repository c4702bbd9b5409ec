"""What an approver and the registry are told about a candidate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from noriba.records.names import name_package_group
from noriba.registry.candidates import Candidate

if TYPE_CHECKING:
    from noriba.usecase import UseCase
    from tests.unit.registry.conftest import MakeCandidate, MakeMetrics

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
PROPERTY_NAME = re.compile(r"[\w.:/=+\-@ ]{1,128}")
PROPERTY_VALUE = re.compile(r"[\w.:/=+\-@ ]{1,256}")
MOST_PROPERTIES = 50


def test_a_candidate_with_open_gates_is_offered(candidate: MakeCandidate) -> None:
    offered = candidate()

    assert offered.passed
    assert offered.summary == "MAE 100 (baseline 150), coverage 0.810, 5000 hold-out rows; all gates passed"


def test_one_closed_gate_is_enough_to_reject_and_the_summary_says_which(
    candidate: MakeCandidate, metrics: MakeMetrics
) -> None:
    rejected = candidate(candidate=metrics(149.0))

    assert not rejected.passed
    assert rejected.summary.endswith("; failed gates: beats the baseline (MAE to baseline's: 0.993, at most 0.95)")


def test_every_closed_gate_is_told(candidate: MakeCandidate, metrics: MakeMetrics) -> None:
    rejected = candidate(candidate=metrics(149.0, coverage=None), latency_p95_ms=80.0)

    assert rejected.summary == (
        "MAE 149 (baseline 150), no interval, 5000 hold-out rows; failed gates: "
        "beats the baseline (MAE to baseline's: 0.993, at most 0.95); "
        "covers what it claims (the candidate gives no interval); "
        "fast enough (p95 of one answer, ms: 80.000, at most 50)"
    )


def test_metadata_lead_back_to_where_the_model_came_from(candidate: MakeCandidate) -> None:
    offered = candidate()

    metadata = offered.metadata()

    assert {name: metadata[name] for name in type(offered.lineage).model_fields} == offered.lineage.model_dump()


def test_metadata_hold_headline_metrics_to_the_last_digit(candidate: MakeCandidate, metrics: MakeMetrics) -> None:
    metadata = candidate(candidate=metrics(100.0 / 3.0), champion=metrics(101.5)).metadata()

    assert float(metadata["mae"]) == 100.0 / 3.0
    assert metadata["champion_mae"] == "101.5"
    assert metadata["baseline_mae"] == "150.0"
    assert (metadata["coverage"], metadata["claimed_coverage"]) == ("0.81", "0.8")


def test_metadata_say_what_part_of_the_past_was_learned_from_where_that_is_known(candidate: MakeCandidate) -> None:
    assert candidate().metadata()["window"] == "last 7.5 days: 9000 rows since 2023-07-22"
    assert "window" not in candidate(window=None).metadata()


def test_metrics_that_there_are_not_are_left_out(candidate: MakeCandidate, metrics: MakeMetrics) -> None:
    metadata = candidate(candidate=metrics(coverage=None)).metadata()

    assert "champion_mae" not in metadata
    assert "coverage" not in metadata


@pytest.mark.parametrize("letters", [10, 255, 256, 257, 5_000])
def test_the_registry_takes_every_property(candidate: MakeCandidate, metrics: MakeMetrics, letters: int) -> None:
    offered = candidate(champion=metrics())
    long = offered.lineage.model_copy(update={"model_data_uri": f"s3://{'m' * (letters - 5)}"})

    metadata = Candidate(**{**dict(offered), "lineage": long}).metadata()

    assert len(metadata) <= MOST_PROPERTIES
    assert len(metadata["model_data_uri"]) == min(letters, 256)
    for name, value in metadata.items():
        assert PROPERTY_NAME.fullmatch(name)
        assert PROPERTY_VALUE.fullmatch(value), name


def test_a_use_case_has_a_package_group_of_its_own(use_case: UseCase) -> None:
    assert name_package_group(use_case.name, prefix="noriba") == "noriba-taxi-eta"
