"""Find landed objects whose ingest ended without an answer, so that they are settled in its place."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.executions import look_up
from noriba.aws.ledger import Ledger
from noriba.events import ObjectErased
from noriba.records.ingest import NO_USE_CASE, LandedObject
from noriba.records.ledger_entries import ERASURE
from noriba.records.metrics import OBJECTS_UNSETTLED
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.executions import Execution
    from noriba.records.erasure import Erasure

MOST_AT_ONCE = 50
"""A state holds 256 KiB, and an answer about 3 KiB for each; the next sweep finds the rest."""


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str


class Task(BaseModel):
    """An execution of INGEST that ended otherwise than it should; "" to look at everything."""

    execution: str


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """What has to be settled.

    Returns:
        `unsettled`: for each object the `execution` that took it, `landed`, the `failure` to refuse it for, and
        whether it is `settled` itself, so that only a snapshot may be due. Of one that is being erased, `erasure`
        names the ledger's entry and holds the event's detail.
    """
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    table = settings.ledger_table
    found = list(follow_up(clients, table, task.execution) if task.execution else sweep(clients, table))
    for use_case, number in Counter(item["landed"]["use_case"] for item in found).items():
        count(use_case, {OBJECTS_UNSETTLED: number})
    for item in found:
        logger.warning("unsettled", extra={"key": item["landed"]["key"], "execution": item["execution"]})
    return {"unsettled": found[:MOST_AT_ONCE]}


def follow_up(clients: Clients, table: str, arn: str) -> Iterator[dict[str, Any]]:
    """The object of one execution, unless another one deals with it."""
    execution = look_up(clients.stepfunctions, arn)
    if execution is None or not execution.failed:
        return
    landed = LandedObject.from_event(json.loads(execution.given))
    if landed.is_folder:
        return
    state = Ledger(clients.dynamodb.Table(table), landed.use_case).find_object(landed.key, landed.version_id)
    if state is None or state.execution == arn:
        yield describe(landed, arn, execution, settled=state is not None and state.status != "received")


def sweep(clients: Clients, table: str) -> Iterator[dict[str, Any]]:
    """Objects that were taken by executions which no longer run, and those that are being erased."""
    for use_case in (*list_use_cases(), NO_USE_CASE):
        ledger = Ledger(clients.dynamodb.Table(table), use_case)
        yield from (describe_erasure(erasure) for erasure in ledger.list_erasures(only_open=True))
        for received in ledger.list_received():
            execution = look_up(clients.stepfunctions, received.execution)
            # Once more: it may have settled its object, and ended, since the list was read.
            state = ledger.find_object(received.landed.key, received.landed.version_id)
            if (execution is None or execution.failed) and state is not None and state.status == "received":
                yield describe(received.landed, received.execution, execution, settled=False)


def describe(landed: LandedObject, arn: str, execution: Execution | None, *, settled: bool) -> dict[str, Any]:
    """One entry of the answer."""
    how = "nobody knows how" if execution is None else " ".join(filter(None, (execution.status, execution.error)))
    cause = f"its ingest ended before it was done ({how}); the file may be good: land it again"
    return {
        "execution": arn,
        "landed": landed.model_dump(),
        "failure": {"Error": "IngestEndedError", "Cause": cause},
        "settled": settled,
    }


def describe_erasure(erasure: Erasure) -> dict[str, Any]:
    """An entry of the answer for what is gone from the next snapshot on."""
    detail = ObjectErased(
        use_case=erasure.use_case,
        key=erasure.key,
        versions=len(erasure.versions),
        erased_by=erasure.erased_by,
        reason=erasure.reason,
    )
    landed = LandedObject(use_case=erasure.use_case, bucket="", key=erasure.key, version_id="", sequencer="", size=0)
    name = f"{ERASURE}{erasure.name}"
    return {
        "execution": f"{name}#{erasure.begun_at.isoformat()}",
        "landed": landed.model_dump(),
        "settled": True,
        "erasure": {"use_case": erasure.use_case, "entry": name, "detail": detail.model_dump(mode="json")},
    }
