"""A model card written by the system, in SageMaker's schema for the card of a model package.

That schema is stricter than the one of free-standing cards: its overview holds the artifact and a creator, nothing
else, and a field that it does not know is refused.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ModelPackageModelCard.html
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-sagemaker-modelcard-metricgroup.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.records.evidence import Metrics
    from noriba.registry.candidates import Candidate
    from noriba.usecase import UseCase

# The schema's own limits, in characters.
_NAME_LIMIT = 63
_OBSERVATION_LIMIT = 2096
_CAVEATS_LIMIT = 2048
_OBSERVATIONS_LIMIT = 1024


def write_model_card(candidate: Candidate, use_case: UseCase) -> str:
    """The card's JSON text."""
    evidence, lineage = candidate.evidence, candidate.lineage
    card = {
        "model_overview": {"model_artifact": [lineage.model_data_uri]},
        "intended_uses": {
            "purpose_of_model": use_case.title,
            "intended_uses": f"Median and {evidence.claimed_coverage:.0%} interval of {use_case.data.label}, from "
            f"{len(use_case.features.names)} features known at the time of the request.",
            "risk_rating": "Unknown",
            "explanations_for_risk_rating": "Set by the approver.",
        },
        "training_details": {
            "objective_function": {
                "function": {"function": "Minimize", "facet": "Loss"},
                "notes": "Pinball loss of each quantile of the label's logarithm.",
            },
            "training_observations": _describe_training(candidate)[:_OBSERVATIONS_LIMIT],
            "training_job_details": {
                "training_arn": lineage.training_job_arn,
                "training_datasets": [lineage.manifest_uri],
                "training_environment": {"container_image": [lineage.image_uri]},
            },
        },
        "evaluation_details": [
            {
                "name": "Hold-out, later in time than everything the model has seen"[:_NAME_LIMIT],
                "evaluation_observation": candidate.summary[:_OBSERVATION_LIMIT],
                "datasets": [lineage.manifest_uri],
                "metadata": {"from": _to_iso(evidence.holdout_first_s), "to": _to_iso(evidence.holdout_last_s)},
                "metric_groups": list(_group_metrics(candidate)),
            }
        ],
        "additional_information": {
            "caveats_and_recommendations": _list_findings(candidate)[:_CAVEATS_LIMIT],
            "custom_details": {
                "snapshot": lineage.snapshot_id,
                "bundle": lineage.bundle_digest,
                "code": lineage.code_digest,
                "features": lineage.feature_fingerprint,
                "decision": lineage.decision_id,
            },
        },
    }
    return json.dumps(card)


def _describe_training(candidate: Candidate) -> str:
    text, window = "Gradient-boosted trees for each quantile, conformally calibrated.", candidate.evidence.window
    return text if window is None else f"{text} Learned from {window.summary}."


def _list_findings(candidate: Candidate) -> str:
    return "; ".join(f"{gate.name}: {gate.finding}" for gate in candidate.gates)


def _group_metrics(candidate: Candidate) -> Iterator[dict[str, Any]]:
    evidence = candidate.evidence
    yield {"name": "candidate", "metric_data": _list_metrics(evidence.candidate)}
    yield {"name": "naive baseline", "metric_data": _list_metrics(evidence.baseline)}
    if evidence.champion is not None:
        yield {"name": "champion", "metric_data": _list_metrics(evidence.champion)}
    for part in evidence.slices:
        yield {"name": f"{part.name}: {part.value}"[:_NAME_LIMIT], "metric_data": _list_metrics(part.candidate)}


def _list_metrics(metrics: Metrics) -> list[dict[str, Any]]:
    found = metrics.model_dump(exclude_none=True)
    return [{"name": name, "type": "number", "value": value} for name, value in found.items()]


def _to_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
