"""Say what the monitor has to ask: which hours are new or still get outcomes, and the queries about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.athena import write_parameters
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.measurements import Measurements
from noriba.aws.objects import ObjectStore
from noriba.aws.references import read_reference
from noriba.monitoring.counts import Served, state_counts
from noriba.monitoring.days import list_whole_days
from noriba.monitoring.measurements import ErrorThresholds, state_measurements
from noriba.monitoring.partitions import ASTRAY
from noriba.records.metrics import LOOKS_PLANNED
from noriba.records.monitoring import COUNTS, ERRORS
from noriba.timestamps import begin_day
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.reference import Reference
    from noriba.records.statements import Statement
    from noriba.usecase import UseCase

_CLOSE = 0.5
"""Times the hold-out's error: what is called close where the use case does not say."""


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    observations_bucket: str


class Task(BaseModel):
    """Whose model is to be looked at."""

    use_case: str


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """The queries, and what `measure_traffic` must know of them; none while no model is in production."""
    settings, clients = load_dependencies()
    use_case = load_use_case(Task.model_validate(event).use_case)
    champion = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case.name).read_champion()
    if champion is None:
        return {"queries": []}
    now = datetime.now(UTC)
    measurements = Measurements(ObjectStore(clients.s3, settings.observations_bucket), use_case.name)
    since = choose_start(use_case, measurements, now=now)
    reference = read_reference(clients, champion)
    queries = state_queries(use_case, reference, since=since, now=now)
    count(use_case.name, {LOOKS_PLANNED: 1})
    logger.info("planned", extra={"use_case": use_case.name, "since": since.isoformat(), "queries": len(queries)})
    return {
        "version": reference.version,
        "since": since.isoformat(),
        "until": now.isoformat(),
        "compact_since": (since - ASTRAY).isoformat(),
        "queries": [
            {"name": name, "text": query.text, "values": write_parameters(query)} for name, query in queries.items()
        ],
    }


def choose_start(use_case: UseCase, measurements: Measurements, *, now: datetime) -> datetime:
    """The first hour to measure: one that was not, or the first one that outcomes may still come for.

    No earlier than what findings are about: what was missed before that is not made up for.
    """
    oldest = begin_day(list_whole_days(now)[0])
    ripe_after = timedelta(hours=use_case.policies.monitoring.truth_hours)
    return measurements.find_gap(since=oldest, until=now, ripe_after=ripe_after)


def state_queries(use_case: UseCase, reference: Reference, *, since: datetime, now: datetime) -> dict[str, Statement]:
    """What is asked of these hours: errors of all versions, and what the champion was asked."""
    policy, mae = use_case.policies.monitoring, reference.evidence.candidate.mae
    thresholds = ErrorThresholds(
        policy.implausible_ratio * mae, policy.close_to or _CLOSE * mae, use_case.data.label_range
    )
    slices = list(use_case.data.slices)
    queries = {ERRORS: state_measurements(use_case.name, slices, thresholds, since=since, until=now, now=now)}
    if reference.profile is not None:
        served = Served(use_case.name, reference.version)
        queries[COUNTS] = state_counts(
            reference.profile, reference.identities, served, since=since, until=now, now=now, by_hour=True
        )
    return queries
