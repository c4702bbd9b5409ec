"""Read what the monitor's queries found, keep it by the hour, and say whether the model still does what it promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, gauge, logger
from noriba.aws.athena import read_rows
from noriba.aws.bus import EventBus
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.measurements import Measurements
from noriba.aws.objects import ObjectStore
from noriba.aws.references import read_reference
from noriba.monitoring.reports import build_hours, find_first_hour, list_changes, write_report
from noriba.monitoring.stretching import follow_outcomes
from noriba.records.metrics import (
    ACCURACY_CHANGED,
    ANSWERS_MEASURED,
    BIAS,
    COVERAGE,
    COVERAGE_CHANGED,
    ERROR_RATIO,
    ESTIMATED_ERROR_RATIO,
    INTERVAL_STRETCH,
    MEAN_ABSOLUTE_ERROR,
    MEAN_WIDTH,
    OUTCOMES_CHANGED,
    OUTCOMES_MEASURED,
    QUALITY_CHANGED,
    REQUESTS_CHANGED,
)
from noriba.timestamps import HOUR, UtcTimestamp
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from datetime import datetime

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.monitoring import MonitoringReport
    from noriba.records.reference import Reference
    from noriba.records.stretching import Stretching
    from noriba.usecase import UseCase


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    observations_bucket: str
    bus_name: str


class Asked(BaseModel):
    """A query that has succeeded."""

    name: str
    query: str


class Task(BaseModel):
    """What was planned, and the queries that answer it."""

    use_case: str
    version: int
    since: UtcTimestamp
    until: UtcTimestamp
    asked: tuple[Asked, ...]


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """The report, which is also kept as the newest one.

    Nothing where another model went into production while the queries ran, for the next look is about that one; and
    nothing where a look that was asked later has reported already.
    """
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    use_case = load_use_case(task.use_case)
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case.name)
    champion = ledger.read_champion()
    reference = None if champion is None else read_reference(clients, champion)
    if reference is None or reference.version != task.version:
        logger.info("not measured", extra={"use_case": use_case.name, "replaced": task.version})
        return {}
    measurements = Measurements(ObjectStore(clients.s3, settings.observations_bucket), use_case.name)
    answers = {one.name: list(read_rows(clients.athena, one.query)) for one in task.asked}
    known, slices = measurements.read(since=task.since), list(use_case.data.slices)
    measurements.write(build_hours(reference, slices, answers, known, since=task.since, until=task.until))
    before = measurements.find_report()
    if before is not None and before.until > task.until:
        # A slow look: what it found is older than what was told.
        logger.info("overtaken", extra={"use_case": use_case.name, "newest": before.until.isoformat()})
        return {}
    stretch = keep_stretching(use_case, reference, measurements, ledger, now=task.until).stretch.factor
    hours = measurements.read(since=find_first_hour(use_case.policies.monitoring, now=task.until))
    report = write_report(use_case, reference, hours, before, stretch=stretch, now=task.until)
    # Told before it is kept: whoever is interrupted between the two tells again.
    EventBus(clients.events, settings.bus_name).publish_all(list_changes(report, before))
    measurements.write_report(report)
    tell(report)
    return report.model_dump(mode="json")


def keep_stretching(
    use_case: UseCase, reference: Reference, measurements: Measurements, ledger: Ledger, *, now: datetime
) -> Stretching:
    """How far intervals are to be stretched, as the ledger keeps it."""
    before = ledger.read_stretching()
    hours = [] if before is None else measurements.read(since=before.through + HOUR)
    after = follow_outcomes(before, reference, hours, use_case.policies.monitoring, now=now)
    if after == before or ledger.replace_stretching(after, before=before):
        return after
    # Another look was quicker: it has counted these hours.
    return ledger.read_stretching() or after


def tell(report: MonitoringReport) -> None:
    """Numbers for CloudWatch; of what cannot be told, the last answer stands."""
    total, changed = report.parts[0], {kind: verdict == "changed" for kind, verdict in report.standing.items()}
    expected = total.expected_mae or None
    gauge(
        report.use_case,
        {
            MEAN_ABSOLUTE_ERROR: total.mae,
            BIAS: total.bias,
            COVERAGE: total.coverage,
            MEAN_WIDTH: total.mean_width if total.answered else None,
            INTERVAL_STRETCH: report.stretch,
            ERROR_RATIO: total.mae and expected and total.mae / expected,
            ESTIMATED_ERROR_RATIO: total.estimated_mae and expected and total.estimated_mae / expected,
        },
    )
    count(
        report.use_case,
        {
            ANSWERS_MEASURED: total.answered,
            OUTCOMES_MEASURED: total.with_outcome,
            ACCURACY_CHANGED: changed.get("accuracy", False),
            COVERAGE_CHANGED: changed.get("coverage", False),
            REQUESTS_CHANGED: changed.get("drift", False),
            QUALITY_CHANGED: changed.get("quality", False),
            OUTCOMES_CHANGED: changed.get("outcomes", False),
        },
    )
    findings = {str(one.kind): f"{one.verdict}: {one.reason}" for one in report.findings}
    logger.info("measured", extra={"use_case": report.use_case, "model_version": report.model_version, **findings})
