"""The model card, held against the schema that SageMaker checks it by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from noriba.records.evidence import SliceEvidence
from noriba.registry.candidates import Candidate
from noriba.registry.gates import GateResult
from noriba.registry.model_cards import write_model_card

if TYPE_CHECKING:
    from noriba.usecase import UseCase
    from tests.unit.registry.conftest import MakeCandidate, MakeMetrics


def text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


def texts(most: int = 1024) -> dict[str, Any]:
    return {"type": "array", "items": text(most), "maxItems": 15}


def only(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object with these fields and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


NAME = {"type": "string", "minLength": 1, "maxLength": 63}
METRIC = only(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "notes": text(1024),
        "type": {"enum": ["number", "string", "boolean"]},
        "value": {"type": ["number", "string", "boolean"]},
    },
    *("name", "type", "value"),
)
OBJECTIVE = only({"function": {"enum": ["Maximize", "Minimize"]}, "facet": text(63), "condition": text(63)})
TRAINING_JOB = only(
    {
        "training_arn": text(1024),
        "training_datasets": texts(),
        "training_environment": only({"container_image": texts()}),
    }
)
EVALUATION = only(
    {
        "name": NAME,
        "evaluation_observation": text(2096),
        "evaluation_job_arn": text(256),
        "datasets": {**texts(), "maxItems": 10},
        "metadata": {"type": "object", "additionalProperties": text(1024)},
        "metric_groups": {
            "type": "array",
            "items": only({"name": NAME, "metric_data": {"type": "array", "items": METRIC}}, "name", "metric_data"),
        },
    },
    "name",
)
# The card of a model package, stricter than a free-standing card. Only the fields that can be known here are listed.
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema
SCHEMA = only(
    {
        "model_overview": only({"model_creator": text(1024), "model_artifact": texts()}),
        "intended_uses": only(
            {
                "purpose_of_model": text(2048),
                "intended_uses": text(2048),
                "factors_affecting_model_efficiency": text(2048),
                "risk_rating": {"enum": ["High", "Medium", "Low", "Unknown"]},
                "explanations_for_risk_rating": text(2048),
            }
        ),
        "training_details": only(
            {
                "objective_function": only({"function": OBJECTIVE, "notes": text(1024)}),
                "training_observations": text(1024),
                "training_job_details": TRAINING_JOB,
            }
        ),
        "evaluation_details": {"type": "array", "items": EVALUATION},
        "additional_information": only(
            {
                "ethical_considerations": text(2048),
                "caveats_and_recommendations": text(2048),
                "custom_details": {"type": "object", "additionalProperties": text(1024)},
            }
        ),
    }
)
LONGEST_CARD = 100_000


@pytest.fixture(scope="module")
def full_candidate(candidate: MakeCandidate, metrics: MakeMetrics) -> Candidate:
    """With a champion and as many slices as a use case has."""
    slices = tuple(
        SliceEvidence(name="part of day", value=f"hour {hour}", candidate=metrics(), champion=metrics())
        for hour in range(24)
    )
    return candidate(champion=metrics(98.0), slices=slices)


def read_card(candidate: Candidate, use_case: UseCase) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(write_model_card(candidate, use_case))
    return card


def test_sagemaker_takes_the_card(full_candidate: Candidate, candidate: MakeCandidate, use_case: UseCase) -> None:
    for one in (full_candidate, candidate()):
        jsonschema.validate(read_card(one, use_case), SCHEMA)
        assert len(write_model_card(one, use_case)) < LONGEST_CARD


def test_long_findings_are_cut_to_what_the_card_may_hold(full_candidate: Candidate, use_case: UseCase) -> None:
    closed = GateResult(name="beats the baseline", passed=False, finding="too long a story " * 300)
    wordy = Candidate(**{**dict(full_candidate), "gates": (closed,)})

    jsonschema.validate(read_card(wordy, use_case), SCHEMA)


def test_names_of_slices_are_cut_to_what_the_card_may_hold(
    candidate: MakeCandidate, metrics: MakeMetrics, use_case: UseCase
) -> None:
    long = SliceEvidence(name="from one borough to another", value="a name " * 20, candidate=metrics())

    card = read_card(candidate(slices=(long,)), use_case)

    jsonschema.validate(card, SCHEMA)
    names = [group["name"] for group in card["evaluation_details"][0]["metric_groups"]]
    assert names[-1] == f"from one borough to another: {long.value}"[:63]


def test_the_card_says_which_windows_were_tried_and_what_came_of_it(
    candidate: MakeCandidate, use_case: UseCase
) -> None:
    def observe(**changes: Any) -> str:
        return str(read_card(candidate(**changes), use_case)["training_details"]["training_observations"])

    assert observe().endswith(
        "Learned from last 7.5 days: 9000 rows since 2023-07-22; MAE of trials on 1000 later rows: all rows 120, "
        "last 7.5 days 110, since the last change too few rows."
    )
    assert observe(window=None).endswith("conformally calibrated.")


def test_the_card_leads_back_to_model_job_data_and_image(full_candidate: Candidate, use_case: UseCase) -> None:
    card, lineage = read_card(full_candidate, use_case), full_candidate.lineage

    job = card["training_details"]["training_job_details"]
    assert card["model_overview"]["model_artifact"] == [lineage.model_data_uri]
    assert job["training_arn"] == lineage.training_job_arn
    assert job["training_datasets"] == [lineage.manifest_uri]
    assert job["training_environment"]["container_image"] == [lineage.image_uri]
    assert card["additional_information"]["custom_details"] == {
        "snapshot": lineage.snapshot_id,
        "bundle": lineage.bundle_digest,
        "code": lineage.code_digest,
        "features": lineage.feature_fingerprint,
        "decision": lineage.decision_id,
    }


def test_the_card_says_what_the_model_is_for(full_candidate: Candidate, use_case: UseCase) -> None:
    uses = read_card(full_candidate, use_case)["intended_uses"]

    assert uses["purpose_of_model"] == use_case.title
    assert uses["intended_uses"].startswith("Median and 80% interval of duration_s")


def test_candidate_baseline_champion_and_slices_stand_side_by_side(
    full_candidate: Candidate, use_case: UseCase, candidate: MakeCandidate
) -> None:
    (evaluation,) = read_card(full_candidate, use_case)["evaluation_details"]

    groups = {group["name"]: group["metric_data"] for group in evaluation["metric_groups"]}
    assert list(groups)[:3] == ["candidate", "naive baseline", "champion"]
    assert list(groups)[3] == "part of day: hour 0"
    assert {"name": "mae", "type": "number", "value": 98.0} in groups["champion"]
    assert {metric["name"] for metric in groups["naive baseline"]} == {"rows", "mae", "rmse", "rmsle"}
    assert evaluation["metadata"] == {"from": "2023-11-14T22:13:20+00:00", "to": "2024-03-09T16:00:00+00:00"}

    (alone,) = read_card(candidate(), use_case)["evaluation_details"]
    assert [group["name"] for group in alone["metric_groups"]] == ["candidate", "naive baseline"]


def test_the_approver_reads_every_gate_s_finding(full_candidate: Candidate, use_case: UseCase) -> None:
    card = read_card(full_candidate, use_case)

    caveats = card["additional_information"]["caveats_and_recommendations"]
    assert all(f"{gate.name}: {gate.finding}" in caveats for gate in full_candidate.gates)
    assert card["evaluation_details"][0]["evaluation_observation"] == full_candidate.summary
    assert card["intended_uses"]["risk_rating"] == "Unknown", "people rate risks"
