"""Decide whether the newest snapshot is worth a training run; record and announce the answer.

An answer to an event is recorded and announced whichever way it goes; the clock's question only when the answer is yes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from noriba.aws.bus import EventBus
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.events import RetrainingDecided, RetrainingRequested
from noriba.monitoring.retraining import (
    ASKED_BY_THE_CLOCK,
    Decision,
    decide_retraining,
    record_start,
    resume_decision,
)
from noriba.records.metrics import TRAINING_LIMIT_REACHED, TRAININGS_DECIDED
from noriba.records.snapshot import SnapshotManifest, name_manifest
from noriba.records.training import name_decision
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.usecase import UseCase


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    datasets_bucket: str
    bus_name: str


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Any event that may be a cause: a snapshot, the end of a training run, a request, the clock."""
    settings, clients = load_dependencies()
    use_case = load_use_case(event["detail"]["use_case"])
    logger.append_keys(use_case=use_case.name, cause=event["detail-type"])
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case.name)
    bus = EventBus(clients.events, settings.bus_name)
    decision_id = name_decision(event["id"], datetime.fromisoformat(event["time"]))
    if (known := ledger.read_decision(decision_id)) is not None:
        # The same event again: the answer stands, but may not have been heard.
        bus.publish(known)
        return known.model_dump(mode="json")
    snapshot_id = ledger.latest_snapshot()
    if snapshot_id is None:
        return {"train": False, "reason": "no snapshot yet"}
    datasets = ObjectStore(clients.s3, settings.datasets_bucket)
    manifest_key = name_manifest(use_case.name, snapshot_id)
    manifest = SnapshotManifest.model_validate_json(datasets.read(manifest_key))
    decision = decide(use_case, ledger, manifest, decision_id=decision_id, event=event)
    logger.info("decided", extra={"train": decision.train, "reason": decision.reason})
    # A limit in the way is an alarm.
    count(use_case.name, {TRAININGS_DECIDED: decision.train, TRAINING_LIMIT_REACHED: decision.limited})
    if not decision.train and event["detail-type"] == ASKED_BY_THE_CLOCK:
        return {"train": False, "reason": decision.reason}
    champion = ledger.read_champion()
    decided = RetrainingDecided(
        use_case=use_case.name,
        decision_id=decision_id,
        train=decision.train,
        cause=event["detail-type"],
        reason=decision.reason,
        snapshot_id=snapshot_id,
        manifest_uri=datasets.uri(manifest_key),
        training_job_name=f"{use_case.resource_name}-{decision_id}",
        champion_package_arn=champion and champion.model_package_arn,
        champion_model_uri=champion and champion.model_data_uri,
    )
    ledger.record_decision(decided, now=datetime.now(UTC))
    bus.publish(decided)
    return decided.model_dump(mode="json")


def decide(
    use_case: UseCase, ledger: Ledger, manifest: SnapshotManifest, *, decision_id: str, event: dict[str, Any]
) -> Decision:
    """The decision, with the lock taken when it is yes."""
    now = datetime.now(UTC)
    last = ledger.read_training()
    if (resumed := resume_decision(last, decision_id=decision_id)) is not None:
        return resumed
    rows = sum(part.rows for part in manifest.parts)
    decision = decide_retraining(
        use_case.policies.retraining,
        snapshot_id=manifest.snapshot_id,
        rows=rows,
        last=last,
        now=now,
        forced=event["detail-type"] == RetrainingRequested.detail_type(),
    )
    if decision.train:
        record = record_start(last, decision_id=decision_id, snapshot_id=manifest.snapshot_id, rows=rows, now=now)
        if not ledger.begin_training(record, replacing=last):
            return Decision(train=False, reason="another decision took the lock at the same moment")
    return decision
