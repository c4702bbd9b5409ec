"""Read what the monitor's queries found, keep it by the hour, and say whether the model still does what it promised."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, gauge, logger
from noriba.aws.athena import read_rows
from noriba.aws.bus import EventBus
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.measurements import Measurements
from noriba.aws.objects import ObjectStore
from noriba.aws.references import Reference, read_reference
from noriba.events import FindingChanged
from noriba.monitoring.assessment import assess_accuracy, assess_coverage, assess_outcomes, number_parts
from noriba.monitoring.counts import count_nothing, read_counts
from noriba.monitoring.days import assess_drift, assess_quality, list_whole_days
from noriba.monitoring.measurements import read_measurements
from noriba.monitoring.stretching import stretch_intervals
from noriba.records.measurements import HourMeasurement
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
from noriba.records.monitoring import COUNTS, ERRORS, MonitoringReport
from noriba.records.stretching import Stretching
from noriba.timestamps import HOUR, UtcTimestamp, begin_day, begin_hour, from_microseconds
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.usecase import UseCase

_PLAIN = str.maketrans({'"': "'", "\\": "/", "\n": " ", "\r": " ", "\t": " "})

Rows = list[dict[str, str | None]]


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
    measurements.write(build_hours(use_case, reference, measurements, task, answers))
    before = measurements.find_report()
    if before is not None and before.until > task.until:
        # A slow look: what it found is older than what was told.
        logger.info("overtaken", extra={"use_case": use_case.name, "newest": before.until.isoformat()})
        return {}
    stretching = follow_outcomes(use_case, reference, measurements, ledger, now=task.until)
    report = write_report(use_case, reference, measurements, before, stretching, now=task.until)
    # Told before it is kept: whoever is interrupted between the two tells again.
    EventBus(clients.events, settings.bus_name).publish_all(list_changes(report, before))
    measurements.write_report(report)
    tell(report)
    return report.model_dump(mode="json")


def build_hours(
    use_case: UseCase, reference: Reference, measurements: Measurements, task: Task, answers: Mapping[str, Rows]
) -> Iterable[HourMeasurement]:
    """All hours that were asked about, those without an answer too: they need not be asked about again."""
    versions = read_measurements(answers[ERRORS], list(use_case.data.slices))
    counts = read_hourly_counts(reference, versions, answers)
    known = {one.hour: one.counts for one in measurements.read(since=task.since)}
    hour = begin_hour(task.since)
    while hour <= task.until:
        # What another version was asked was counted while it was in production.
        own = {reference.version: counts[hour]} if hour in counts else {}
        yield HourMeasurement(
            hour=hour,
            versions=versions.get(hour, {}),
            counts={**known.get(hour, {}), **own},
            until=task.until,
        )
        hour += HOUR


def read_hourly_counts(
    reference: Reference, versions: Mapping[datetime, Mapping[int, object]], answers: Mapping[str, Rows]
) -> dict[datetime, dict[str, tuple[int, ...]]]:
    """What this version was asked, by hour and feature; zeros where it answered and nothing of it counts.

    Candidates of whom nobody reported an outcome do not count. An hour of these alone was still this version's.
    """
    profile, identities = reference.profile, reference.identities
    if profile is None or COUNTS not in answers:
        return {}
    found = {hour: count_nothing(profile, identities) for hour, some in versions.items() if reference.version in some}
    for row in answers[COUNTS]:
        found[from_microseconds(int(row["hour_us"] or 0))] = read_counts(row, profile, identities)
    return {hour: {name: tuple(some.tolist()) for name, some in counts.items()} for hour, counts in found.items()}


def follow_outcomes(
    use_case: UseCase, reference: Reference, measurements: Measurements, ledger: Ledger, *, now: datetime
) -> Stretching:
    """How far intervals are to be stretched, as the ledger keeps it; a model that was not in production before: not.

    What it answered before the first look at it, as a challenger or in an earlier time, is not counted.
    """
    before, policy = ledger.read_stretching(), use_case.policies.monitoring
    if not reference.evidence.stretches:
        # Its container would not: outcomes that nothing answers to would drive the number to its bound.
        policy = policy.model_copy(update={"stretch_gain": 0.0})
    if before is None or before.version != reference.version:
        digest = reference.evidence.bundle_digest
        after = Stretching(version=reference.version, bundle_digest=digest, through=begin_hour(now))
    else:
        hours = measurements.read(since=before.through + HOUR)
        after = stretch_intervals(before, hours, policy, now=now)
    if after == before or ledger.replace_stretching(after, before=before):
        return after
    # Another look was quicker: it has counted these hours.
    return ledger.read_stretching() or after


def write_report(
    use_case: UseCase,
    reference: Reference,
    measurements: Measurements,
    before: MonitoringReport | None,
    stretching: Stretching,
    *,
    now: datetime,
) -> MonitoringReport:
    """What the hours that were measured say; a report before helps to tell what is over from what is not clear."""
    policy, version = use_case.policies.monitoring, reference.version
    since = begin_hour(now) - timedelta(hours=policy.window_hours)
    oldest = begin_day(list_whole_days(now)[0])
    hours = measurements.read(since=min(since, oldest))
    window = [one for one in hours if one.hour >= since]
    # Of younger hours the short outcomes have come alone, which are not like the others.
    ripe = [one for one in hours if one.hour + HOUR <= now - timedelta(hours=policy.truth_hours)]
    last = ripe[-policy.window_hours :]
    same = before is not None and before.model_version == version
    were = {kind for kind, verdict in before.standing.items() if verdict == "changed"} if before and same else set()
    findings = (
        assess_accuracy(last, version, reference.evidence, policy, longer=ripe, was_changed="accuracy" in were),
        assess_coverage(last, version, policy, longer=ripe, was_changed="coverage" in were),
        assess_drift(hours, version, reference.profile, policy, now=now),
        assess_quality(window, version, reference.profile, policy),
        assess_outcomes(last, version, policy, was_changed="outcomes" in were),
    )
    known = {one.kind: one.verdict for one in findings if one.verdict != "unknown"}
    return MonitoringReport(
        use_case=use_case.name,
        unit=use_case.answer.unit,
        model_version=version,
        since=since,
        until=now,
        parts=tuple(number_parts(window, version, reference.evidence)),
        findings=findings,
        standing={**(before.standing if before else {}), **known},
        stretch=stretching.stretch.factor,
    )


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


def list_changes(report: MonitoringReport, before: MonitoringReport | None) -> list[FindingChanged]:
    """What is otherwise than it stood before; that all is steady is no news at first."""
    stood = before.standing if before is not None else {}
    return [
        FindingChanged(
            use_case=report.use_case,
            model_version=report.model_version,
            kind=one.kind,
            verdict=one.verdict,
            # EventBridge puts it between the quotes of a message as it is.
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
            reason=one.reason.translate(_PLAIN),
        )
        for one in report.findings
        if one.verdict != "unknown" and one.verdict != stood.get(one.kind, "steady")
    ]
