"""A request for deletion, from the raw object to the snapshots and the models that knew it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from noriba.aws import erasure as erasures
from noriba.aws.objects import ObjectStore
from noriba.client.progress import NO_PROGRESS
from noriba.client.session import name_caller
from noriba.client.waiting import StepFailedError, wait_for_end

if TYPE_CHECKING:
    from noriba.client.progress import Progress
    from noriba.client.session import Session
    from noriba.records.erasure import Erasure

_SETTLE_LIMIT_S = 600.0


class ErasureSummary(BaseModel):
    """What an erasure removes, and what knew it."""

    model_config = ConfigDict(frozen=True)

    key: str
    versions: int
    dataset_objects: int
    quarantine_objects: int
    rows_also_landed_as: tuple[str, ...]
    snapshots_that_held_it: tuple[str, ...]
    models_trained_on_it: tuple[int, ...]


def plan_erasure(session: Session, key: str, *, reason: str) -> tuple[Erasure, ErasureSummary]:
    """What has to go; nothing is changed yet.

    Args:
        session: the deployment and use case.
        key: the object's key in the raw bucket, or its name within the use case.
        reason: why, and on whose request; stands in the audit trail.

    Raises:
        NothingToEraseError: it was never landed.
        StillIngestedError: it is being read.
    """
    begins = f"{session.use_case_name}/"
    erasure = erasures.plan_erasure(
        session.ledger,
        _open_buckets(session),
        key if key.startswith(begins) else f"{begins}{key}",
        use_case=session.use_case_name,
        erased_by=name_caller(session, "data"),
        reason=reason,
        now=datetime.now(UTC),
    )
    return erasure, _describe(session, erasure)


def commit_erasure(session: Session, erasure: Erasure, *, progress: Progress = NO_PROGRESS) -> dict[str, int]:
    """Erase what was planned; how many objects were removed, by bucket. Interrupted, it is finished by doing it again.

    Raises:
        StepFailedError: the snapshot without the object could not be committed; the objects still stand.
    """
    progress.update(f"erasing {erasure.key}")
    session.ledger.begin_erasure(erasure)
    progress.update("committing the snapshot without it")
    _commit_without(session)
    progress.update("deleting")
    removed = erasures.delete_objects(_open_buckets(session), erasure)
    progress.done(f"{erasure.key} is erased")
    return removed


def _open_buckets(session: Session) -> erasures.Buckets:
    deployment, s3 = session.deployment, session.at("data").s3
    return erasures.Buckets(
        raw=ObjectStore(s3, deployment.raw_bucket),
        datasets=ObjectStore(s3, deployment.datasets_bucket),
        quarantine=ObjectStore(s3, deployment.quarantine_bucket),
    )


def _describe(session: Session, erasure: Erasure) -> ErasureSummary:
    packages = session.registry.list_packages()
    return ErasureSummary(
        key=erasure.key,
        versions=len(erasure.versions),
        dataset_objects=len(erasure.datasets_keys),
        quarantine_objects=len(erasure.quarantine_keys),
        rows_also_landed_as=tuple(erasure.shared_with),
        snapshots_that_held_it=tuple(erasure.snapshots),
        models_trained_on_it=tuple(
            package.version for package in packages if package.metadata.get("snapshot_id") in erasure.snapshots
        ),
    )


def _commit_without(session: Session) -> None:
    """Let SETTLE announce the erasure and commit the snapshot without the object."""
    history = session.history("settle")
    execution = history.start(json.dumps({"execution": ""}))
    remedy = "when it has, erase again"
    ended = wait_for_end(history, execution, "SETTLE", limit_s=_SETTLE_LIMIT_S, remedy=remedy)
    if ended.failed:
        raise StepFailedError(f"SETTLE failed: {': '.join(ended.read_failure())}; fix the cause, then erase again")
