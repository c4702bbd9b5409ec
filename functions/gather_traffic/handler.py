"""Gather predictions whose outcomes are known, day by day, into the bucket that is ingested."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from functions.use_cases import do_for_each
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.gathering import TrafficGathering
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.errors import NoribaError
from noriba.records.metrics import (
    TRAFFIC_CONTRADICTED,
    TRAFFIC_GATHERED,
    TRAFFIC_LEFT_OUT,
    TRAFFIC_WITHOUT_OUTCOME,
)
from noriba.records.traffic import GatherReport, GatherTask
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from datetime import date

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.traffic import GatheredDay

MARGIN_S = 180.0
"""What is left of the function's time when it begins with no further day."""
MOST_DAYS = 7
"""That are gathered in one go: each may start a training, and decisions should have time between them."""


class Settings(Environment):
    """Environment of this function."""

    observations_bucket: str
    raw_bucket: str
    ledger_table: str
    capture_days: int


class NotGatheredError(NoribaError):
    """A use case's days could not be gathered; what is wrong is in the log."""


class TrafficOffError(NoribaError):
    """A day was asked for of a use case whose traffic is not gathered."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gather what is due: a `GatherTask`, or an event of the clock; answers with a `GatherReport`.

    Raises:
        TrafficOffError: a day was asked for, and the use case's policy says that nothing is gathered.
        NotGatheredError: a use case's days could not be gathered; the others' were.
    """
    task = GatherTask.model_validate(event)
    if task.use_case is not None and task.day is not None:
        return GatherReport(done=True, days=(gather_day(task.use_case, task.day),)).model_dump(mode="json")
    deadline_s = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN_S
    reports = do_for_each(
        [task.use_case] if task.use_case else list_use_cases(),
        lambda use_case: gather_due(use_case, deadline_s=deadline_s),
        trouble="not gathered",
        fail=lambda names: NotGatheredError(f"traffic of {names} could not be gathered; the log says why"),
        name=lambda use_case, error: str(error) if isinstance(error, NotGatheredError) else use_case,
    )
    days = tuple(day for report in reports for day in report.days)
    return GatherReport(done=all(report.done for report in reports), days=days).model_dump(mode="json")


def gather_due(use_case: str, *, deadline_s: float) -> GatherReport:
    """Take the looks that are due, as far as the time goes: the oldest day first, what has failed before last.

    Raises:
        NotGatheredError: it names the days that could not be gathered; the others were.
    """
    if not load_use_case(use_case).policies.traffic.gather:
        return GatherReport(done=True)
    gathering, now = open_gathering(use_case), datetime.now(UTC)
    # Of older days the first hours may have expired, and receipts with them.
    due = gathering.find_due(now=now, since=now - timedelta(days=load_dependencies()[0].capture_days))
    taken: list[GatheredDay] = []
    failed: list[str] = []
    for one in due[:MOST_DAYS]:
        if taken and time.monotonic() > deadline_s:
            break
        try:
            gathering.begin(one)
            taken.append(gathering.gather(one.day, until=one.until))
            gathering.keep_receipt(one, taken[-1])
        except Exception:  # what is wrong with one day holds up no other
            logger.exception("not gathered", extra={"use_case": use_case, "day": str(one.day)})
            failed.append(str(one.day))
        else:
            tell(taken[-1])
    if failed:
        raise NotGatheredError(f"{use_case} on {', '.join(failed)}")
    return GatherReport(done=len(taken) == len(due), days=tuple(taken))


def gather_day(use_case: str, day: date) -> GatheredDay:
    """Gather a day as it stands now; looks at it that are due are taken all the same."""
    if not load_use_case(use_case).policies.traffic.gather:
        raise TrafficOffError(f"traffic of {use_case} is not gathered; set gather in its TrafficPolicy")
    gathered = open_gathering(use_case).gather(day, until=datetime.now(UTC))
    tell(gathered)
    return gathered


def open_gathering(use_case: str) -> TrafficGathering:
    """The gathering of a use case."""
    settings, clients = load_dependencies()
    return TrafficGathering(
        ObjectStore(clients.s3, settings.observations_bucket),
        ObjectStore(clients.s3, settings.raw_bucket),
        Ledger(clients.dynamodb.Table(settings.ledger_table), use_case),
        load_use_case(use_case),
    )


def tell(gathered: GatheredDay) -> None:
    """Count, and say in the log, what a day came to."""
    count(
        gathered.use_case,
        {
            TRAFFIC_GATHERED: gathered.rows,
            TRAFFIC_WITHOUT_OUTCOME: gathered.without_outcome,
            TRAFFIC_CONTRADICTED: gathered.contradicted,
            TRAFFIC_LEFT_OUT: gathered.left_out,
        },
    )
    logger.info("gathered", extra=gathered.model_dump(mode="json"))
