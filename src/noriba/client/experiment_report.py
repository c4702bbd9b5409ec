"""What came of an experiment: each metric of the two groups, with bounds that may be looked at for ever."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.objects import ObjectStore
from noriba.aws.observations import Lines, list_keys
from noriba.client.experiments import NoExperimentError
from noriba.client.rollout_history import MOST_SHOWN, Rollout, list_rollouts
from noriba.records.captures import METRICS, name_capture_folders, name_outcome_folders
from noriba.records.names import VARIANT_FORMAT, name_endpoint
from noriba.rollout.experiments import measure_effect
from noriba.rollout.exposures import Exposures
from noriba.rollout.pairing import Look
from noriba.rollout.picture import Panel, draw_bounds
from noriba.usecase import OWN_METRIC, BusinessMetric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.client.session import Session
    from noriba.events import MetricsObserved, OutcomeObserved
    from noriba.records.captures import CapturedAnswer
    from noriba.records.rollout import RolloutStep
    from noriba.rollout.experiments import Measured, SplitCheck

LOOKS = 30


class MetricEffect(BaseModel):
    """One metric of an experiment; bounds are null as long as too little is known."""

    model_config = ConfigDict(frozen=True)

    name: str
    meaning: str
    unit: str
    better: Literal["more", "less"]
    n: int = Field(description="predictions of which it is known")
    champion: float | None = Field(description="the mean")
    challenger: float | None
    estimate: float | None = Field(description="the challenger's mean less the champion's")
    lower: float | None
    upper: float | None
    says: Literal["better", "worse", "unclear"]
    looks: tuple[Look, ...] = Field(description="what was known after each part of the measurements")


class SplitReport(BaseModel):
    """Whether each model answers its share; when it does not, no effect means what it says."""

    model_config = ConfigDict(frozen=True)

    requests: int
    expected: float
    share: float | None
    lower: float | None
    upper: float | None
    uneven: bool | None = Field(description="null as long as there are too few subjects to say")


class ExperimentReport(BaseModel):
    """What is known of an experiment, running or over."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    execution: str
    status: str
    version: int = Field(description="the challenger's")
    percent: int
    since: datetime
    until: datetime
    without_subject: int = Field(description="requests that named nobody; they were split by chance, and do not count")
    confidence: float = Field(description="with which all bounds together hold")
    metrics: tuple[MetricEffect, ...]
    split: SplitReport
    unreadable_lines: int


def read_experiment(session: Session, *, execution: str | None = None) -> ExperimentReport:
    """What is known of an experiment; reads what was captured and reported since it began.

    Args:
        session: whose use case.
        execution: its ARN, or the end of it; the newest that has come to comparing when None.

    Raises:
        NoExperimentError: there was none in the newest fifty rollouts, or none that has come to comparing.
    """
    now = datetime.now(UTC)
    rollout, step = _find(session, execution)
    since, until, percent = step.began_at, rollout.ended_at or now, step.percent or 0
    lines, exposures = Lines(), Exposures(percent=percent, metrics=session.use_case.metrics, now=now)
    challenger = VARIANT_FORMAT.format(rollout.version)
    for variant, answer in _read_answers(session, lines, since=since, until=until):
        exposures.add(answer, by_challenger=variant == challenger)
    exposures.observe(_read_observed(session, lines, since=since, until=now))
    policy, spec = session.use_case.policies.rollout.comparison, session.use_case.answer
    metrics = (
        (BusinessMetric(OWN_METRIC, f"how far {spec.value} was from the outcome", better="less"), spec.unit),
        *((metric, "") for metric in session.use_case.metrics),
    )
    return ExperimentReport(
        use_case=session.use_case_name,
        execution=rollout.execution,
        status=rollout.status,
        version=rollout.version,
        percent=percent,
        since=since,
        until=until,
        without_subject=exposures.without_subject,
        confidence=1 - policy.alpha,
        metrics=tuple(
            _describe(
                metric,
                unit,
                exposures.measure(metric.name),
                alpha=policy.alpha / len(metrics),
                tuned_for=policy.tuned_for,
            )
            for metric, unit in metrics
        ),
        split=_describe_split(exposures.check_split()),
        unreadable_lines=lines.unreadable,
    )


def draw_experiment(report: ExperimentReport) -> str:
    """How the bounds of each metric closed, as an SVG."""
    words = {"better": "the challenger is better", "worse": "the challenger is worse", "unclear": "not known to differ"}
    return draw_bounds(
        [
            Panel(
                f"{metric.name}: {metric.meaning}",
                f"version {report.version} beside the champion: {words[metric.says]}",
                metric.looks,
                unit=metric.unit,
                better=metric.better,
            )
            for metric in report.metrics
        ]
    )


def _find(session: Session, execution: str | None) -> tuple[Rollout, RolloutStep]:
    """An experiment, and the stage in which it compared."""
    experiments = [
        one
        for one in list_rollouts(session, most=MOST_SHOWN)
        if one.is_experiment and one.execution.endswith(execution or "")
    ]
    if not experiments:
        named = "" if execution is None else f" named {execution}"
        raise NoExperimentError(f"no experiment of {session.use_case_name}{named} is known: noriba experiment start")
    for one in experiments:
        for step in one.steps:
            if step.stage == "canary":
                return one, step
    raise NoExperimentError("the experiment has compared nothing yet: noriba rollout status, noriba rollout history")


def _read_answers(
    session: Session, lines: Lines, *, since: datetime, until: datetime
) -> Iterator[tuple[str, CapturedAnswer]]:
    captures = ObjectStore(session.at("rollout").s3, session.deployment.captures_bucket)
    endpoint = name_endpoint(session.use_case_name, prefix=session.prefix)
    for variant in captures.list_folders(f"{endpoint}/"):
        keys = list_keys(captures, name_capture_folders(endpoint, variant, since=since, until=until))
        for answer in lines.read_answers(captures, keys):
            if since <= answer.at <= until:
                yield variant, answer


def _read_observed(
    session: Session, lines: Lines, *, since: datetime, until: datetime
) -> Iterator[OutcomeObserved | MetricsObserved]:
    """What has come of predictions since; it comes later than they do."""
    store = ObjectStore(session.at("serving").s3, session.deployment.outcomes_bucket)
    use_case = session.use_case_name
    outcomes = list_keys(store, name_outcome_folders(since=since, until=until))
    yield from lines.read_outcomes(store, outcomes, use_case=use_case)
    metrics = list_keys(store, name_outcome_folders(since=since, until=until, of=METRICS))
    yield from lines.read_metrics(store, metrics, use_case=use_case)


def _describe_split(found: SplitCheck) -> SplitReport:
    share = found.share.to_json()
    return SplitReport(
        requests=found.share.n,
        expected=found.expected,
        share=share["estimate"],
        lower=share["lower"],
        upper=share["upper"],
        uneven=found.uneven,
    )


def _describe(metric: BusinessMetric, unit: str, measured: Measured, *, alpha: float, tuned_for: int) -> MetricEffect:
    n = len(measured.values)
    effect = measure_effect(measured, alpha=alpha, tuned_for=tuned_for)
    looks = [
        measure_effect(measured.first(part), alpha=alpha, tuned_for=tuned_for).difference
        for part in sorted({round(n * look / LOOKS) for look in range(1, LOOKS + 1)} - {0})
    ]
    less = effect.difference.upper < 0
    more = effect.difference.lower > 0
    good = less if metric.better == "less" else more
    return MetricEffect(
        name=metric.name,
        meaning=metric.meaning,
        unit=unit,
        better=metric.better,
        n=n,
        champion=None if math.isnan(effect.champion) else effect.champion,
        challenger=None if math.isnan(effect.challenger) else effect.challenger,
        **effect.difference.to_json(),
        says="better" if good else "worse" if less or more else "unclear",
        looks=tuple(Look(outcomes=look.n, **look.to_json()) for look in looks),
    )
