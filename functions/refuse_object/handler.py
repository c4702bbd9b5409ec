"""Record why a landed object was refused as a whole, where the data engineer looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.executions import read_cause
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.events import ObjectRefused
from noriba.records.ingest import LandedObject, name_refusal
from noriba.records.metrics import OBJECTS_REFUSED

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


_LONGEST = 1000
"""Characters of a reason."""


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    quarantine_bucket: str


class Failure(BaseModel):
    """What Step Functions knows of a failed task."""

    Error: str
    Cause: str


class Task(BaseModel):
    """What went wrong with an object that an execution has taken: as its event announced it, or as it is known."""

    execution: str
    event: dict[str, Any] = Field(default_factory=dict)
    landed: LandedObject | None = None
    failure: Failure


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Settle the object as refused.

    Returns:
        `landed`, and under `refused` the detail of the event to publish.

    Raises:
        RuntimeError: the object is another execution's; what went wrong was not with it.
    """
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    landed = task.landed or LandedObject.from_event(task.event)
    refused = ObjectRefused(
        use_case=landed.use_case,
        bucket=landed.bucket,
        key=landed.key,
        version_id=landed.version_id,
        error=task.failure.Error,
        reason=read_cause(task.failure.Cause)[:_LONGEST],
    )
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), landed.use_case)
    if not ledger.refuse_object(landed.key, landed.version_id, reason=refused.reason, execution=task.execution):
        raise RuntimeError(f"{landed.key} is not {task.execution}'s to refuse; {refused.error}: {refused.reason}")
    count(landed.use_case, {OBJECTS_REFUSED: 1})
    logger.warning("refused", extra={"key": landed.key, "error": refused.error, "reason": refused.reason})
    quarantine = ObjectStore(clients.s3, settings.quarantine_bucket)
    quarantine.write(name_refusal(landed), refused.model_dump_json(indent=1).encode())
    return {"landed": landed.model_dump(), "refused": refused.model_dump(mode="json")}
