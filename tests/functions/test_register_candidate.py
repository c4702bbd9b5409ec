"""A trained and evaluated model becomes a candidate, with its evidence and the way back to where it came from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from functions.register_candidate.handler import handler as register_candidate
from noriba.aws.live_models import FeatureArchive
from noriba.aws.objects import split_uri
from noriba.aws.registry import ModelRegistry
from noriba.errors import CorruptBundleError
from noriba.events import CandidateRegistered
from noriba.features.frozen import freeze_features
from noriba.records.evidence import Evidence, Metrics
from noriba.usecase import load_use_case
from tests.functions.artifacts import pack
from tests.functions.conftest import Cloud, read_event

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.registry import ModelPackage

USE_CASE = load_use_case("taxi_eta")
ARTIFACT = pack({"features.json": freeze_features(USE_CASE.features).encode()})
TASK = read_event("register_candidate")


def leave_evidence(cloud: Cloud, *, mae: float) -> Evidence:
    """What evaluation leaves."""
    found = Metrics(rows=1_350, mae=mae, rmse=270.0, rmsle=0.3, coverage=0.8, mean_width=500.0)
    evidence = Evidence(
        use_case="taxi_eta",
        snapshot_id=TASK["decision"]["snapshot_id"],
        holdout_first_s=1.7e9,
        holdout_last_s=1.8e9,
        claimed_coverage=0.8,
        candidate=found,
        baseline=found.model_copy(update={"mae": 300.0}),
        slices=(),
        latency_p95_ms=3.0,
        feature_fingerprint=USE_CASE.features.fingerprint,
        bundle_digest="b" * 64,
        code_digest="c" * 64,
    )
    bucket, key = split_uri(TASK["evaluation_uri"])
    cloud.store(bucket).write(key, evidence.model_dump_json().encode())
    bucket, key = split_uri(TASK["model_data_uri"])
    cloud.store(bucket).write(key, ARTIFACT)
    return evidence


def register(cloud: Cloud, context: LambdaContext) -> tuple[CandidateRegistered, ModelPackage]:
    announced: dict[str, Any] = register_candidate(TASK, context)
    registered = CandidateRegistered.model_validate(announced)
    registry = ModelRegistry(cloud.clients.sagemaker, "noriba-taxi-eta")
    return registered, registry.describe(registered.model_package_arn)


def test_a_good_model_waits_for_an_approver(cloud: Cloud, context: LambdaContext) -> None:
    leave_evidence(cloud, mae=180.0)

    registered, package = register(cloud, context)

    assert registered.approval_status == package.status == "PendingManualApproval"
    assert registered.version == package.version
    assert registered.summary == "MAE 180 (baseline 300), coverage 0.800, 1350 hold-out rows; all gates passed"
    assert registered.snapshot_id == TASK["decision"]["snapshot_id"]
    assert registered.training_job_name == TASK["decision"]["training_job_name"]
    assert (package.image_uri, package.model_data_uri) == (TASK["image_uri"], TASK["model_data_uri"])


def test_a_model_that_is_no_better_than_the_baseline_is_registered_as_rejected(
    cloud: Cloud, context: LambdaContext
) -> None:
    leave_evidence(cloud, mae=299.0)

    registered, package = register(cloud, context)

    assert registered.approval_status == package.status == "Rejected"
    assert "failed gates: beats the baseline (MAE to baseline's: 0.997, at most 0.95)" in registered.summary
    assert package.note == registered.summary


def test_from_the_package_one_finds_back_to_rows_code_and_decision(cloud: Cloud, context: LambdaContext) -> None:
    evidence = leave_evidence(cloud, mae=180.0)

    _, package = register(cloud, context)

    assert package.metadata["decision_id"] == TASK["decision"]["decision_id"]
    assert package.metadata["manifest_uri"] == TASK["decision"]["manifest_uri"]
    assert package.metadata["training_job_arn"] == TASK["training_job_arn"]
    assert package.metadata["code_digest"] == evidence.code_digest
    assert package.metadata["bundle_digest"] == evidence.bundle_digest
    assert package.metadata["feature_fingerprint"] == USE_CASE.features.fingerprint


def test_without_evidence_there_is_no_candidate(cloud: Cloud, context: LambdaContext) -> None:
    before = len(list(ModelRegistry(cloud.clients.sagemaker, "noriba-taxi-eta").list_packages()))

    with pytest.raises(Exception, match="NoSuchKey"):
        register_candidate(TASK, context)

    assert len(list(ModelRegistry(cloud.clients.sagemaker, "noriba-taxi-eta").list_packages())) == before


def test_what_was_registered_is_kept_where_the_rollout_looks(cloud: Cloud, context: LambdaContext) -> None:
    leave_evidence(cloud, mae=180.0)

    registered, _package = register(cloud, context)

    key = {"use_case": "taxi_eta", "entry": f"registered#{registered.model_package_arn}"}
    assert cloud.clients.dynamodb.Table("ledger").get_item(Key=key)["Item"] == {
        **key,
        "image_uri": TASK["image_uri"],
        "model_data_uri": TASK["model_data_uri"],
        "sha256": hashlib.sha256(ARTIFACT).hexdigest(),
        "snapshot_id": TASK["decision"]["snapshot_id"],
    }


def test_its_feature_definitions_are_kept_before_anybody_can_approve_it(cloud: Cloud, context: LambdaContext) -> None:
    leave_evidence(cloud, mae=180.0)

    register(cloud, context)

    kept = FeatureArchive(cloud.store("models")).find(USE_CASE.features.fingerprint)
    assert kept is not None
    assert kept.identities == USE_CASE.features.identities


def test_a_model_without_its_definitions_is_not_registered(cloud: Cloud, context: LambdaContext) -> None:
    leave_evidence(cloud, mae=180.0)
    bucket, key = split_uri(TASK["model_data_uri"])
    cloud.store(bucket).write(key, pack({"model.json": b"{}"}))
    registry = ModelRegistry(cloud.clients.sagemaker, "noriba-taxi-eta")
    before = len(list(registry.list_packages()))

    with pytest.raises(CorruptBundleError, match=r"holds no features.json"):
        register_candidate(TASK, context)

    assert len(list(registry.list_packages())) == before
