"""Settle an ingested object; the last one of a burst commits the snapshot of everything ingested so far."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.datasets.results import merge_results
from noriba.datasets.snapshots import build_manifest, write_channel_manifest
from noriba.errors import NotEnoughDataError, RefusedObjectError, UnknownUseCaseError
from noriba.events import DatasetSnapshotCreated
from noriba.records.ingest import ChunkResult, FilePlan, LandedObject, name_chunk_results
from noriba.records.metrics import SNAPSHOT_ROWS, SNAPSHOTS_CREATED
from noriba.records.snapshot import name_channel_manifest, name_manifest
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.snapshot import SnapshotManifest


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    datasets_bucket: str


class Task(BaseModel):
    """An object whose chunks have all reported, or, without a plan, one that is settled already.

    `execution` is the one that took the object: what it claimed, a successor may finish in its name.
    """

    execution: str
    landed: LandedObject
    plan: FilePlan | None = None
    source: str = ""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Settle, then commit unless others are still at work.

    Returns:
        `outcome`: `created` with the event's detail under `snapshot`; `unchanged`, `waiting` or `nothing_kept`.

    Raises:
        RefusedObjectError: a chunk could not be read, or the object was refused meanwhile.
    """
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    logger.append_keys(use_case=task.landed.use_case, key=task.landed.key)
    try:
        use_case = load_use_case(task.landed.use_case)
    except UnknownUseCaseError as error:
        return {"outcome": "nothing_kept", "reason": str(error)}
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case.name)
    datasets = ObjectStore(clients.s3, settings.datasets_bucket)
    if task.plan is not None:
        record = merge_results(read_results(task.landed, datasets), task.landed, task.plan, source=task.source)
        if not ledger.keep_object(record):
            raise RefusedObjectError(f"{task.landed.key} was refused while it was read; land it again")
    now = datetime.now(UTC)
    if pending := ledger.count_pending():
        logger.info("waiting", extra={"pending": pending})
        return {"outcome": "waiting", "pending": pending}
    try:
        manifest = build_manifest(use_case, ledger.list_kept(), bucket=settings.datasets_bucket)
    except NotEnoughDataError as error:
        logger.warning("nothing kept", extra={"reason": str(error)})
        # What there was before may have been erased.
        ledger.mark_latest("", now=now)
        return {"outcome": "nothing_kept", "reason": str(error)}
    manifest_uri = store(manifest, datasets)
    ledger.mark_latest(manifest.snapshot_id, now=now)
    if not ledger.claim_snapshot(manifest.snapshot_id, execution=task.execution, now=now):
        return {"outcome": "unchanged", "snapshot_id": manifest.snapshot_id}
    created = DatasetSnapshotCreated(
        use_case=use_case.name,
        snapshot_id=manifest.snapshot_id,
        manifest_uri=manifest_uri,
        rows_read=manifest.rows_read,
        rows_kept=manifest.rows_kept,
        rows_quarantined=manifest.rows_quarantined,
    )
    count(use_case.name, {SNAPSHOTS_CREATED: 1, SNAPSHOT_ROWS: manifest.rows_kept})
    logger.info("created", extra={"snapshot_id": manifest.snapshot_id, "rows_kept": manifest.rows_kept})
    return {"outcome": "created", "snapshot": created.model_dump(mode="json")}


def read_results(landed: LandedObject, datasets: ObjectStore) -> list[ChunkResult]:
    """What the chunks of an object reported."""
    reports = datasets.list_keys(name_chunk_results(landed))
    return [ChunkResult.model_validate_json(datasets.read(key)) for key in reports]


def store(manifest: SnapshotManifest, datasets: ObjectStore) -> str:
    """Write the manifest and the channel's list; once, for a snapshot never changes."""
    channel = write_channel_manifest(manifest).encode()
    datasets.write_once(name_channel_manifest(manifest.use_case, manifest.snapshot_id), channel)
    key = name_manifest(manifest.use_case, manifest.snapshot_id)
    datasets.write_once(key, manifest.model_dump_json(indent=1).encode())
    return datasets.uri(key)
