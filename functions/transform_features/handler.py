"""Read one chunk, validate its rows, compute their features; write the kept rows and the quarantined ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.objects import ObjectStore
from noriba.datasets.chunks import read_chunk
from noriba.datasets.parts import describe_part, encode_parquet, name_part
from noriba.datasets.traffic import find_source
from noriba.datasets.transformation import ROWS_AT_ONCE, transform_chunk
from noriba.errors import RefusedObjectError
from noriba.events import CLOCK_SKEW
from noriba.records.ingest import Chunk, ChunkResult, FilePlan, LandedObject, name_chunk_results, name_quarantine
from noriba.records.metrics import ROWS_KEPT, ROWS_QUARANTINED, ROWS_READ
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    import pyarrow as pa
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.records.snapshot import Part
    from noriba.usecase import UseCase


class Settings(Environment):
    """Environment of this function."""

    datasets_bucket: str
    quarantine_bucket: str


class Task(BaseModel):
    """One chunk of a planned object."""

    landed: LandedObject
    plan: FilePlan
    chunk: Chunk


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Transform a chunk; every object written is named by content or by the chunk, so a retry changes nothing."""
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    logger.append_keys(use_case=task.landed.use_case, key=task.landed.key, chunk=task.chunk.index)
    datasets = ObjectStore(clients.s3, settings.datasets_bucket)
    try:
        result = transform(task, settings, clients)
    except RefusedObjectError as error:
        # Not raised: a map would report that some item failed, and lose the reason.
        result = ChunkResult(index=task.chunk.index, refused=str(error))
    report = f"{name_chunk_results(task.landed)}chunk-{task.chunk.index:05d}.json"
    datasets.write(report, result.model_dump_json().encode())
    counts = {"read": result.rows_read, "kept": result.rows_kept, "quarantined": result.rows_quarantined}
    logger.info("transformed", extra={**counts, "refused": result.refused})
    count(
        task.landed.use_case,
        {ROWS_READ: result.rows_read, ROWS_KEPT: result.rows_kept, ROWS_QUARANTINED: result.rows_quarantined},
    )
    return counts


def transform(task: Task, settings: Settings, clients: Clients) -> ChunkResult:
    """Read, validate, compute, write."""
    landed, chunk, use_case = task.landed, task.chunk, load_use_case(task.landed.use_case)
    file = ObjectStore(clients.s3, landed.bucket).open(landed.key, version_id=landed.version_id, size=landed.size)
    source = find_source(use_case, task.plan.header, object_key=landed.key)
    latest_s = math.inf if landed.landed_at_s is None else landed.landed_at_s + CLOCK_SKEW.total_seconds()
    raw = read_chunk(file, task.plan, chunk)
    transformed = transform_chunk(raw, source, use_case, object_key=landed.key, latest_s=latest_s)
    quarantine_key = None
    if transformed.quarantine is not None:
        quarantine_key = name_quarantine(landed, chunk.index)
        content = encode_parquet(transformed.quarantine, rows_per_group=ROWS_AT_ONCE)
        ObjectStore(clients.s3, settings.quarantine_bucket).write(quarantine_key, content)
    return ChunkResult(
        index=chunk.index,
        part=store_part(ObjectStore(clients.s3, settings.datasets_bucket), use_case, transformed.kept),
        rows_read=transformed.rows_read,
        rows_kept=transformed.rows_kept,
        rows_quarantined=transformed.rows_quarantined,
        reasons=dict(transformed.reasons),
        quarantine_key=quarantine_key,
    )


def store_part(datasets: ObjectStore, use_case: UseCase, table: pa.Table | None) -> Part | None:
    """Write the kept rows under their content's name."""
    if table is None:
        return None
    content = encode_parquet(table)
    part = describe_part(table, content, use_case, version_id="")
    version_id = datasets.write_once(name_part(use_case, part.sha256), content)
    return part.model_copy(update={"version_id": version_id})
