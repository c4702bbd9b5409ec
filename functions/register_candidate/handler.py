"""A trained and evaluated model becomes a candidate in the registry, with its gates, its card and its lineage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.live_models import FeatureArchive
from noriba.aws.objects import ObjectStore, read_uri, split_uri
from noriba.aws.registry import ModelRegistry
from noriba.events import CandidateRegistered, RetrainingDecided
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact
from noriba.records.evidence import Evidence
from noriba.records.metrics import CANDIDATES_REGISTERED, CANDIDATES_REJECTED
from noriba.records.names import name_package_group
from noriba.registry.candidates import Candidate, Lineage
from noriba.registry.gates import apply_gates
from noriba.registry.model_cards import write_model_card
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Settings(Environment):
    """Environment of this function."""

    resource_prefix: str
    package_groups_arn: str | None = None
    """How the ARNs of groups begin, where the registry is another account's."""
    ledger_table: str


class Task(BaseModel):
    """What was decided, and what training and evaluation left."""

    decision: RetrainingDecided
    training_job_arn: str
    image_uri: str
    model_data_uri: str
    evaluation_uri: str


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Register; the answer is the detail of the event to publish."""
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    decision, use_case = task.decision, load_use_case(task.decision.use_case)
    evidence = Evidence.model_validate_json(read_uri(clients.s3, task.evaluation_uri))
    candidate = Candidate(
        use_case=use_case.name,
        lineage=Lineage(
            decision_id=decision.decision_id,
            snapshot_id=decision.snapshot_id,
            manifest_uri=decision.manifest_uri,
            training_job_arn=task.training_job_arn,
            image_uri=task.image_uri,
            model_data_uri=task.model_data_uri,
            evaluation_uri=task.evaluation_uri,
            bundle_digest=evidence.bundle_digest,
            code_digest=evidence.code_digest,
            feature_fingerprint=evidence.feature_fingerprint,
        ),
        evidence=evidence,
        gates=apply_gates(evidence, use_case.policies.gates),
    )
    artifact = ModelArtifact(read_uri(clients.s3, task.model_data_uri))
    # Whoever asks the model must be able to compute what it reads, whatever the code declares by then.
    bucket, _key = split_uri(task.model_data_uri)
    FeatureArchive(ObjectStore(clients.s3, bucket)).keep(artifact.read(FEATURES_FILE))
    group = name_package_group(use_case.name, prefix=settings.resource_prefix)
    if settings.package_groups_arn is not None:
        group = f"{settings.package_groups_arn}/{group}"
    registry = ModelRegistry(clients.sagemaker, group)
    card = write_model_card(candidate, use_case)
    package = registry.register(candidate, card=card, client_token=decision.decision_id)
    # Before anybody can approve what is announced below.
    Ledger(clients.dynamodb.Table(settings.ledger_table), use_case.name).record_registration(
        package.arn,
        image_uri=task.image_uri,
        model_data_uri=task.model_data_uri,
        sha256=artifact.sha256,
        snapshot_id=decision.snapshot_id,
    )
    count(use_case.name, {CANDIDATES_REGISTERED: candidate.passed, CANDIDATES_REJECTED: not candidate.passed})
    logger.info("registered", extra={"model_package_arn": package.arn, "status": package.status})
    registered = CandidateRegistered(
        use_case=use_case.name,
        model_package_arn=package.arn,
        version=package.version,
        approval_status="PendingManualApproval" if candidate.passed else "Rejected",
        snapshot_id=decision.snapshot_id,
        training_job_name=decision.training_job_name,
        summary=candidate.summary,
    )
    document: dict[str, Any] = json.loads(registered.model_dump_json())
    return document
