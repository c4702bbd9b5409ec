"""The model registry: what a candidate leaves there, and the approver's decision."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from noriba.aws.clients import Clients
from noriba.aws.registry import ModelPackage, ModelRegistry
from noriba.records.evidence import Evidence, Metrics
from noriba.registry.candidates import Candidate, Lineage
from noriba.registry.gates import GateResult

if TYPE_CHECKING:
    from typing import Any

ARN = "arn:aws:sagemaker:ap-northeast-1:111122223333:model-package/noriba-taxi-eta/1"
CARD = json.dumps({"model_overview": {"model_name": "Taxi arrival time"}})
_numbers = itertools.count()
FOUND = Metrics(rows=5_000, mae=180.5, rmse=270.0, rmsle=0.3, coverage=0.8, mean_width=500.0)
EVIDENCE = Evidence(
    use_case="taxi_eta",
    snapshot_id="snap-0123456789abcdef",
    holdout_first_s=1.7e9,
    holdout_last_s=1.8e9,
    claimed_coverage=0.8,
    candidate=FOUND,
    baseline=FOUND.model_copy(update={"mae": 300.0}),
    slices=(),
    latency_p95_ms=3.0,
    feature_fingerprint="0123456789ab",
    bundle_digest="b" * 64,
    code_digest="c" * 64,
)
LINEAGE = Lineage(
    decision_id="20260704-120000-abcdef",
    snapshot_id="snap-0123456789abcdef",
    manifest_uri="s3://datasets/taxi_eta/snapshots/snap-0123456789abcdef/manifest.json",
    training_job_arn="arn:aws:sagemaker:ap-northeast-1:111122223333:training-job/taxi-eta-1",
    image_uri="111122223333.dkr.ecr.ap-northeast-1.amazonaws.com/model:1",
    model_data_uri="s3://models/taxi-eta-1/output/model.tar.gz",
    evaluation_uri="s3://models/taxi-eta-1/evaluation.json",
    bundle_digest="b" * 64,
    code_digest="c" * 64,
    feature_fingerprint="0123456789ab",
)


def make_candidate(*, passed: bool = True) -> Candidate:
    gate = GateResult(name="beats the baseline", passed=passed, finding="MAE to baseline's: 0.602, at most 0.95")
    return Candidate(use_case="taxi_eta", lineage=LINEAGE, evidence=EVIDENCE, gates=(gate,))


def register(registry: ModelRegistry, job: str, *, passed: bool = True, card: str = "{}") -> ModelPackage:
    return registry.register(make_candidate(passed=passed), card=card, client_token=job)


@pytest.fixture
def registry(clients: Clients) -> ModelRegistry:
    group = f"noriba-taxi-eta-{next(_numbers)}"
    clients.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    return ModelRegistry(clients.sagemaker, group)


def test_a_candidate_whose_gates_are_open_waits_for_an_approver(registry: ModelRegistry) -> None:
    package = register(registry, "t1")

    assert package.status == "PendingManualApproval"
    assert package.version == 1
    assert package.image_uri == LINEAGE.image_uri
    assert package.model_data_uri == LINEAGE.model_data_uri
    assert package.metadata == make_candidate().metadata()


def test_a_candidate_whose_gates_are_closed_is_registered_as_rejected_and_says_why(registry: ModelRegistry) -> None:
    package = register(registry, "t1", passed=False)

    assert package.status == "Rejected"
    assert package.note is not None
    assert "failed gates: beats the baseline (MAE to baseline's: 0.602" in package.note


def test_what_leads_back_to_rows_code_and_job_can_be_searched_for(registry: ModelRegistry) -> None:
    metadata = register(registry, "t1").metadata

    assert {name: metadata[name] for name in LINEAGE.model_dump()} == LINEAGE.model_dump()
    assert float(metadata["mae"]) == FOUND.mae
    assert all(len(value) <= 256 for value in metadata.values())


def test_versions_are_listed_the_newest_first(registry: ModelRegistry) -> None:
    for job in ("t1", "t2", "t3"):
        register(registry, job)

    listed = list(registry.list_packages())

    assert [package.version for package in listed] == [3, 2, 1]
    assert {package.group for package in listed} == {registry._group}


def test_an_approver_decides_with_a_note(registry: ModelRegistry) -> None:
    good = register(registry, "t1")
    bad = register(registry, "t2")

    registry.approve(good.arn, note="better in every borough")
    registry.reject(bad.arn, note="n" * 2_000)

    assert (registry.describe(good.arn).status, registry.describe(good.arn).note) == (
        "Approved",
        "better in every borough",
    )
    assert registry.describe(bad.arn).status == "Rejected"
    assert registry.describe(bad.arn).note == "n" * 1_024


def test_a_package_that_is_approved_already_is_set_back_first_so_that_its_status_changes(
    registry: ModelRegistry, clients: Clients
) -> None:
    """Only a change to `Approved` starts a rollout; approving twice would change nothing."""
    package = register(registry, "t1")
    sent: list[str] = []
    clients.sagemaker.meta.events.register(
        "provide-client-params.sagemaker.UpdateModelPackage",
        lambda params, **_: sent.append(params["ModelApprovalStatus"]),
    )

    registry.approve(package.arn, note="good")
    registry.approve(package.arn, note="once more")

    assert sent == ["Approved", "PendingManualApproval", "Approved"]
    assert registry.describe(package.arn).note == "once more"


def test_the_card_and_the_jobs_name_travel_with_the_candidate(registry: ModelRegistry, clients: Clients) -> None:
    """moto keeps neither, so what is sent is looked at."""
    sent: list[dict[str, Any]] = []
    clients.sagemaker.meta.events.register(
        "provide-client-params.sagemaker.CreateModelPackage", lambda params, **_: sent.append(params)
    )

    register(registry, "taxi-eta-1", card=CARD)

    assert sent[0]["ModelCard"] == {"ModelCardContent": CARD, "ModelCardStatus": "PendingReview"}
    assert sent[0]["ClientToken"] == "taxi-eta-1"


def test_the_card_is_read_back(clients: Clients) -> None:
    sagemaker = Clients(clients._session).sagemaker
    described = {
        "ModelPackageName": "p",
        "ModelPackageArn": ARN,
        "CreationTime": datetime(2026, 7, 4, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelCard": {"ModelCardContent": CARD, "ModelCardStatus": "PendingReview"},
    }
    with Stubber(sagemaker) as stubber:
        stubber.add_response("describe_model_package", described, {"ModelPackageName": ARN})

        assert ModelRegistry(sagemaker, "noriba-taxi-eta").read_card(ARN) == CARD


def test_a_package_that_the_registry_has_no_more_is_none() -> None:
    sagemaker = Clients().sagemaker
    missing = {"ModelPackageName": ARN}
    with Stubber(sagemaker) as stubber:
        for code, message in (
            ("ValidationException", f"ModelPackage {ARN} does not exist."),
            ("AccessDeniedException", "not authorized to perform sagemaker:DescribeModelPackage"),
        ):
            stubber.add_client_error("describe_model_package", code, message, expected_params=missing)
        registry = ModelRegistry(sagemaker, "noriba-taxi-eta")

        assert registry.find(ARN) is None
        with pytest.raises(ClientError, match="not authorized"):
            registry.find(ARN)
