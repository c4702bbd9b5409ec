"""From what the monitor's queries found to measured hours, from these to a report, and what in it is news."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from noriba.events import FindingChanged
from noriba.monitoring.assessment import assess_accuracy, assess_coverage, assess_outcomes
from noriba.monitoring.counts import count_nothing, read_counts
from noriba.monitoring.days import assess_drift, list_whole_days
from noriba.monitoring.measurements import read_measurements
from noriba.monitoring.missing import assess_missing_features
from noriba.monitoring.parts import measure_parts
from noriba.records.measurements import HourMeasurement
from noriba.records.monitoring import COUNTS, ERRORS, MonitoringReport
from noriba.timestamps import HOUR, begin_day, begin_hour, from_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from noriba.records.monitoring import Finding
    from noriba.records.reference import Reference
    from noriba.usecase import UseCase
    from noriba.usecase.policies import MonitoringPolicy

_PLAIN = str.maketrans({'"': "'", "\\": "/", "\n": " ", "\r": " ", "\t": " "})


def build_hours(
    reference: Reference,
    slices: Sequence[str],
    answers: Mapping[str, Sequence[Mapping[str, str | None]]],
    known: Iterable[HourMeasurement],
    *,
    since: datetime,
    until: datetime,
) -> Iterator[HourMeasurement]:
    """All hours that were asked about, those without an answer too: they need not be asked about again.

    Args:
        reference: of the model in production.
        slices: names of what divides the traffic.
        answers: rows of the queries `ERRORS` and, where the model has a profile, `COUNTS`.
        known: these hours as they were measured before: what another version was asked was counted while it was in
            production.
        since: from the hour of this moment on.
        until: the moment that was asked about.
    """
    versions = read_measurements(answers[ERRORS], slices)
    counts = _read_hourly_counts(reference, versions, answers.get(COUNTS))
    counted = {one.hour: one.counts for one in known}
    hour = begin_hour(since)
    while hour <= until:
        own = {reference.version: counts[hour]} if hour in counts else {}
        yield HourMeasurement(
            hour=hour, versions=versions.get(hour, {}), counts={**counted.get(hour, {}), **own}, until=until
        )
        hour += HOUR


def _read_hourly_counts(
    reference: Reference,
    versions: Mapping[datetime, Mapping[int, object]],
    rows: Iterable[Mapping[str, str | None]] | None,
) -> dict[datetime, dict[str, tuple[int, ...]]]:
    """What this version was asked, by hour and feature; zeros where it answered and nothing of it counts.

    Candidates of whom nobody reported an outcome do not count. An hour of these alone was still this version's.
    """
    profile, identities = reference.profile, reference.identities
    if profile is None or rows is None:
        return {}
    found = {hour: count_nothing(profile, identities) for hour, some in versions.items() if reference.version in some}
    for row in rows:
        found[from_microseconds(int(row["hour_us"] or 0))] = read_counts(row, profile, identities)
    return {hour: {name: tuple(some.tolist()) for name, some in counts.items()} for hour, counts in found.items()}


def find_first_hour(policy: MonitoringPolicy, *, now: datetime) -> datetime:
    """The hour from which on a report looks at all of them."""
    return min(_begin_window(policy, now), begin_day(list_whole_days(now)[0]))


def write_report(
    use_case: UseCase,
    reference: Reference,
    hours: Sequence[HourMeasurement],
    before: MonitoringReport | None,
    *,
    stretch: float,
    now: datetime,
) -> MonitoringReport:
    """What the hours that were measured say.

    Args:
        use_case: whose.
        reference: what the model in production showed in training.
        hours: from `find_first_hour` on, in order.
        before: the last report, which helps to tell what is over from what is not clear; None before the first.
        stretch: of intervals, from now on.
        now: the moment of the look.
    """
    policy, version = use_case.policies.monitoring, reference.version
    since = _begin_window(policy, now)
    window = [one for one in hours if one.hour >= since]
    # Of younger hours the short outcomes have come alone, which are not like the others.
    ripe = [one for one in hours if one.hour + HOUR <= now - timedelta(hours=policy.truth_hours)]
    last = ripe[-policy.window_hours :]
    same = before is not None and before.model_version == version
    were = {kind for kind, verdict in before.standing.items() if verdict == "changed"} if before and same else set()
    answers = (
        assess_accuracy(last, version, reference.evidence, policy, longer=ripe, was_changed="accuracy" in were),
        assess_coverage(last, version, policy, longer=ripe, was_changed="coverage" in were),
        assess_drift(hours, version, reference.profile, policy, now=now),
        assess_missing_features(window, version, reference.profile, policy),
        assess_outcomes(last, version, policy, was_changed="outcomes" in were),
    )
    stood = {one.kind: one for one in before.findings} if before and same else {}
    findings = tuple(_date(one, stood.get(one.kind), found_before=one.kind in were, now=now) for one in answers)
    known = {one.kind: one.verdict for one in findings if one.verdict != "unknown"}
    return MonitoringReport(
        use_case=use_case.name,
        unit=use_case.answer.unit,
        model_version=version,
        since=since,
        until=now,
        parts=tuple(measure_parts(window, version, reference.evidence)),
        findings=findings,
        standing={**(before.standing if before else {}), **known},
        stretch=stretch,
    )


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


def _date(found: Finding, last: Finding | None, *, found_before: bool, now: datetime) -> Finding:
    """With the day since which it has been so; a change that stood already keeps the day that the last report has."""
    if found.verdict != "changed" or found.since is not None:
        return found
    since = (last.since if last else None) if found_before else now.astimezone(UTC).date()
    return found.model_copy(update={"since": since})


def _begin_window(policy: MonitoringPolicy, now: datetime) -> datetime:
    return begin_hour(now) - timedelta(hours=policy.window_hours)
