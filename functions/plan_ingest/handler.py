"""Take a landed object, once, and say in which pieces it will be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.datasets.chunks import plan_file
from noriba.datasets.traffic import find_source
from noriba.records.ingest import LandedObject
from noriba.records.metrics import CHUNKS_PLANNED, OBJECTS_PLANNED
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str


class Task(BaseModel):
    """An event, and the execution that deals with it."""

    execution: str
    event: dict[str, Any]


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Claim and plan; an object that somebody else deals with, or dealt with, is skipped, and so is a folder.

    Returns:
        `claim`: the ledger's, or `folder`; when it is `claimed`, `plan` and `source` besides.
    """
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    landed = LandedObject.from_event(task.event)
    logger.append_keys(use_case=landed.use_case, key=landed.key, version_id=landed.version_id)
    if landed.is_folder:
        return {"claim": "folder", "landed": landed.model_dump()}
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), landed.use_case)
    now = datetime.now(UTC)
    claim = ledger.claim_object(landed, execution=task.execution, now=now)
    answer: dict[str, Any] = {"claim": claim, "landed": landed.model_dump()}
    if claim == "claimed":
        use_case = load_use_case(landed.use_case)
        store = ObjectStore(clients.s3, landed.bucket)
        plan = plan_file(store.open(landed.key, version_id=landed.version_id, size=landed.size), size=landed.size)
        source = find_source(use_case, plan.header, object_key=landed.key)
        logger.info("planned", extra={"source": source.name, "chunks": len(plan.chunks)})
        count(use_case.name, {OBJECTS_PLANNED: 1, CHUNKS_PLANNED: len(plan.chunks)})
        answer |= {"plan": plan.model_dump(mode="json"), "source": source.name}
    return answer
