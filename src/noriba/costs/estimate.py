"""A month of a deployment, line by line: what stands there anyway, and what each prediction adds.

What a request makes services do was counted on the laptop cloud, where the same functions run; how long a function is
billed for it cannot be, and is an assumption of the traffic.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.costs.prices import Prices

HOURS = 730.0
_MONTH_S = HOURS * 3600
_MILLION, _KB_IN_GB = 1e6, 1e6

PREDICT_GB, OUTCOME_GB, COMPACT_GB = 1769 / 1024, 512 / 1024, 1769 / 1024
"""Memory of the functions."""
PREDICT_LOG_KB, OUTCOME_LOG_KB = 1.3, 0.6
"""What a request leaves in the log: its line, its metrics, and Lambda's own lines."""
CAPTURE_KB, CAPTURE_KB_MORE = 1.7, 0.5
"""A captured request of one candidate; and of each further one."""
TABLE_SHARE = 1 / 7
"""Of the lines, the tables made of them."""
ANSWER_KB = 0.6
RECORD_KB = 5.0
"""As what a record on a stream counts at least."""
COMPACT_S_MILLION = 85.0
"""Of a function that makes tables of a million predictions."""
ALARMS, ALARMS_EACH, METRICS_EACH = 79, 13, 20
"""For the deployment; for each use case; metrics of each that are written every hour."""
ALARMS_ACCOUNT, ALARMS_BETWEEN, ALARMS_BETWEEN_EACH = 1, 2, 2
"""For each further account; and, where there are several, for events that are brought between them."""
ALARMS_IN_FUNCTIONS = 4
"""More of them where functions answer: of two further functions, and of a stream."""
MODEL_METRICS, MODEL_LOG_KB = 4, 0.5
"""What functions tell of each variant, which SageMaker tells for nothing; and the line of the log that holds it."""
OBJECTS_MINUTE, DIVIDE_MS = 1.0, 1.0
"""Of each variant, at most; and what it takes to read which folder a line belongs into, assumed."""
TRANSITIONS_HOUR = 60.0
"""Of machines that look around, for each use case."""
LOOKING_DAY = 50_000
"""Metrics that are read in a day of comparing, each minute and with each batch of outcomes."""
QUERY_GB = 0.01
"""What a query is charged at least."""
QUERIES_HOUR = 2
TRAINING_JOBS, TRAINING_JOB_HOURS = 2, 0.25
STAGING_HOURS = 0.25


class Installation(BaseModel):
    """What of the settings and policies costs money."""

    model_config = ConfigDict(frozen=True)

    use_cases: tuple[str, ...] = Field(default=("one",), min_length=1, description="their names")
    accounts: int = Field(default=1, gt=0, description="that the loop is spread over")
    serving: Literal["endpoint", "function"] = "endpoint"
    production_instance: str = "ml.m5.large"
    production_instances: int = Field(default=1, gt=0)
    staging_instance: str = "ml.m5.large"
    training_instance: str = "ml.m5.xlarge"
    rollout: str = "full"
    capture_percent: float = Field(default=100, ge=0, le=100)
    capture_days: int = Field(default=90, gt=0)
    shadow_hours: float = Field(default=72, ge=0, description="at most, of each rollout")
    canary_hours: float = Field(default=0.5, ge=0)


class Traffic(BaseModel):
    """What is assumed of a month, for all use cases together."""

    model_config = ConfigDict(frozen=True)

    predictions: float = Field(
        default=1_000_000, ge=0, allow_inf_nan=False, description="requests for a prediction, of all use cases"
    )
    candidates: float = Field(default=1, ge=1, le=500, description="candidates of each")
    outcomes_share: float = Field(default=1.0, ge=0, le=1, description="predictions whose outcome is reported")
    predict_ms: float = Field(default=30, gt=0, description="how long a function is billed for a prediction")
    copy_ms: float = Field(
        default=5, ge=0, description="how much longer it is billed for a copy to a shadow, where functions answer"
    )
    outcome_ms: float = Field(default=20, gt=0, description="how long a function is billed for an outcome")
    trainings: float = Field(default=4, ge=0, description="training runs")
    rollouts: float = Field(
        default=2, ge=0, allow_inf_nan=False, description="rollouts, each as long as its policy allows"
    )


class CostLine(BaseModel):
    """One thing that costs."""

    model_config = ConfigDict(frozen=True)

    what: str
    month_usd: float
    by_use: bool = Field(description="whether it grows with predictions")
    basis: str = Field(description="how it was reckoned")


class Estimate(BaseModel):
    """A month; free tiers and taxes are left out."""

    model_config = ConfigDict(frozen=True)

    use_cases: tuple[str, ...]
    region: str
    prices_as_of: str
    prices_source: str
    traffic: Traffic
    lines: tuple[CostLine, ...] = Field(description="the dearest first")
    month_usd: float
    thousand_usd: float | None = Field(description="of predictions, all in; None where there are none")
    million_usd: float | None = Field(description="of predictions, all in")
    further_million_usd: float | None = Field(description="of further predictions: what grows with them alone")
    serving: str = Field(default="endpoint", description="where models answer")
    crossing: float | None = Field(
        default=None,
        description="predictions a month at which an endpoint and functions cost the same; None where they never do",
    )


def estimate_costs(installation: Installation, traffic: Traffic, prices: Prices) -> Estimate:
    """A month of a deployment.

    Raises:
        PricesUnreadableError: the table lacks an instance.
    """
    lines = _list_lines(installation, traffic, prices)
    month = sum(line.month_usd for line in lines)
    each = month / traffic.predictions if traffic.predictions else None
    further = sum(line.month_usd for line in lines if line.by_use)
    return Estimate(
        use_cases=installation.use_cases,
        region=prices.region,
        prices_as_of=prices.as_of,
        prices_source=prices.source,
        traffic=traffic,
        lines=lines,
        month_usd=month,
        thousand_usd=None if each is None else each * 1000,
        million_usd=None if each is None else each * _MILLION,
        further_million_usd=further / traffic.predictions * _MILLION if traffic.predictions else None,
        serving=installation.serving,
        crossing=find_crossing(installation, traffic, prices),
    )


def find_crossing(installation: Installation, traffic: Traffic, prices: Prices) -> float | None:
    """Predictions a month at which an endpoint and functions cost the same; None where one always costs less.

    Below, functions cost less: what grows with predictions is more where they answer, and what stands there less. The
    endpoint keeps its instances, however many that are.
    """

    def reckon(serving: str, predictions: float) -> float:
        shape = installation.model_copy(update={"serving": serving})
        asked = traffic.model_copy(update={"predictions": predictions})
        return sum(line.month_usd for line in _list_lines(shape, asked, prices))

    saved = reckon("endpoint", 0) - reckon("function", 0)
    # All lines grow evenly.
    lost = reckon("function", _MILLION) - reckon("endpoint", _MILLION) + saved
    return saved / lost * _MILLION if saved > 0 and lost > 0 else None


def _list_lines(installation: Installation, traffic: Traffic, prices: Prices) -> tuple[CostLine, ...]:
    """All that costs, the dearest first."""
    found = [*_stand(installation, prices), *_learn(installation, traffic, prices)]
    found += [*_answer(installation, traffic, prices), *_keep(installation, traffic, prices)]
    if installation.serving == "function":
        found += _answer_in_functions(installation, traffic, prices)
    return tuple(sorted(found, key=lambda line: -line.month_usd))


def _stand(of: Installation, prices: Prices) -> Iterator[CostLine]:
    """What costs by the hour, or the month, whoever asks."""
    price = prices.price
    fleet = len(of.use_cases) * of.production_instances
    each = f"{of.production_instances} × {of.production_instance} for each of {len(of.use_cases)} use cases"
    if of.serving == "endpoint":
        yield _line(
            "production endpoints",
            fleet * HOURS * prices.of_instance(of.production_instance),
            f"{each}, {HOURS:g} hours",
        )
    yield _line(
        "cached snapshot of the predict function",
        PREDICT_GB * _MONTH_S * price.snapshot_gb_second,
        f"{PREDICT_GB:.2f} GB, all the time",
    )
    alarms = ALARMS + len(of.use_cases) * ALARMS_EACH
    if of.serving == "function":
        alarms += ALARMS_IN_FUNCTIONS
    if of.accounts > 1:
        alarms += (of.accounts - 1) * ALARMS_ACCOUNT + ALARMS_BETWEEN + len(of.use_cases) * ALARMS_BETWEEN_EACH
    yield _line(
        "alarms",
        alarms * price.alarm_month + len(of.use_cases) * price.composite_alarm_month,
        f"{alarms} alarms, {len(of.use_cases)} composite",
    )
    yield _line("metrics", len(of.use_cases) * METRICS_EACH * price.metric_month, f"{METRICS_EACH} for each use case")
    yield _line("dashboards", len(of.use_cases) * price.dashboard_month, "one for each use case")
    yield _line("keys", of.accounts * price.key_month, "one an account, before its first rotation")
    looks = len(of.use_cases) * HOURS * TRANSITIONS_HOUR
    queries = len(of.use_cases) * HOURS * QUERIES_HOUR * QUERY_GB
    yield _line(
        "looking around",
        looks / 1000 * price.transitions_thousand + queries / 1000 * price.query_tb,
        f"{looks:,.0f} transitions, queries of {queries:.1f} GB at least",
    )


def _learn(of: Installation, traffic: Traffic, prices: Prices) -> Iterator[CostLine]:
    """Training, and what a rollout has beside production."""
    hours = traffic.trainings * TRAINING_JOBS * TRAINING_JOB_HOURS
    yield _line(
        "training",
        hours * prices.of_instance(of.training_instance),
        f"{traffic.trainings:g} runs of {TRAINING_JOBS} jobs, a quarter of an hour each on {of.training_instance}",
    )
    compared = traffic.rollouts * _measure_comparison(of)
    fleets, basis = 0.0, f"at most {_measure_comparison(of):g} hours of looking at metrics"
    if of.serving == "endpoint":
        staging = traffic.rollouts * STAGING_HOURS * prices.of_instance(of.staging_instance)
        fleets = compared * of.production_instances * prices.of_instance(of.production_instance) + staging
        basis = f"at most {_measure_comparison(of):g} hours of a second fleet"
    yield _line(
        "rollouts",
        fleets + compared / 24 * LOOKING_DAY / 1000 * prices.price.metric_reads_thousand,
        f"{traffic.rollouts:g}, each with {basis}",
    )


def _measure_comparison(of: Installation) -> float:
    """Hours in which a rollout has two models, at most."""
    return (of.shadow_hours if of.rollout == "full" else 0) + (of.canary_hours if of.rollout != "direct" else 0)


def _answer(of: Installation, traffic: Traffic, prices: Prices) -> Iterator[CostLine]:
    """What each prediction makes services do."""
    price, asked = prices.price, traffic.predictions
    told = asked * traffic.outcomes_share
    yield _line(
        "API requests",
        (asked + told) / _MILLION * price.api_requests_million,
        f"{asked:,.0f} predictions, {told:,.0f} outcomes",
        by_use=True,
    )
    seconds = (asked * traffic.predict_ms * PREDICT_GB + told * traffic.outcome_ms * OUTCOME_GB) / 1000
    yield _line(
        "functions that answer",
        (asked + told) / _MILLION * price.function_calls_million + seconds * price.function_gb_second,
        f"{traffic.predict_ms:g} ms a prediction, {traffic.outcome_ms:g} ms an outcome: assumed",
        by_use=True,
    )
    reads = 2 if of.serving == "function" else 1
    yield _line(
        "reads of the ledger",
        reads * asked / _MILLION * price.table_reads_million,
        "one a prediction" if reads == 1 else "two a prediction",
        by_use=True,
    )
    logged = (asked * PREDICT_LOG_KB + told * OUTCOME_LOG_KB) / _KB_IN_GB
    yield _line("logs", logged * price.logs_gb, f"{logged:.1f} GB", by_use=True)
    streamed = told * RECORD_KB / _KB_IN_GB
    yield _line(
        "outcomes on the bus, into S3",
        told / _MILLION * price.bus_events_million + streamed * price.stream_gb,
        f"{told:,.0f} events, each counted as {RECORD_KB:g} KB by the stream",
        by_use=True,
    )
    out = asked * ANSWER_KB * traffic.candidates / _KB_IN_GB
    yield _line("answers sent out", out * price.transfer_out_gb, f"{out:.1f} GB", by_use=True)


def _answer_in_functions(of: Installation, traffic: Traffic, prices: Prices) -> Iterator[CostLine]:
    """What SageMaker does for nothing: measure variants, keep what they answered, and give a shadow its copies."""
    price, asked = prices.price, traffic.predictions
    comparing = min(1.0, traffic.rollouts * _measure_comparison(of) / HOURS)
    shadowed = min(1.0, traffic.rollouts * (of.shadow_hours if of.rollout == "full" else 0) / HOURS)
    told = asked * (1 + shadowed)
    yield _line(
        "metrics of models",
        len(of.use_cases) * MODEL_METRICS * (1 + comparing) * price.metric_month,
        f"{MODEL_METRICS} for each variant of each use case; a second one {comparing:.0%} of the time",
    )
    yield _line(
        "logs of models",
        told * MODEL_LOG_KB / _KB_IN_GB * price.logs_gb,
        f"{told * MODEL_LOG_KB / _KB_IN_GB:.1f} GB",
        by_use=True,
    )
    yield _line(
        "copies for shadows",
        asked * shadowed * traffic.copy_ms / 1000 * PREDICT_GB * price.function_gb_second,
        f"{traffic.copy_ms:g} ms a prediction, {shadowed:.0%} of the time: assumed",
        by_use=True,
    )
    kept = told * of.capture_percent / 100
    each_kb = CAPTURE_KB + CAPTURE_KB_MORE * (traffic.candidates - 1)
    streamed = kept * RECORD_KB * math.ceil(each_kb / RECORD_KB) / _KB_IN_GB
    yield _line(
        "captures on their way",
        streamed * price.stream_gb
        + kept * each_kb / _KB_IN_GB * price.divided_gb
        + kept * DIVIDE_MS / 3.6e6 * price.divided_hour,
        f"{kept:,.0f} lines, each counted by {RECORD_KB:g} KB",
        by_use=True,
    )
    objects = len(of.use_cases) * (1 + comparing) * OBJECTS_MINUTE * HOURS * 60 if of.capture_percent else 0
    yield _line(
        "objects of captures",
        objects / 1000 * (price.divided_objects_thousand + price.storage_puts_thousand),
        f"{objects:,.0f} at most, one a minute of each variant",
    )


def _keep(of: Installation, traffic: Traffic, prices: Prices) -> Iterator[CostLine]:
    """Captures and tables, as they stand when deletion has caught up with them."""
    captured = traffic.predictions * of.capture_percent / 100
    each_kb = CAPTURE_KB + CAPTURE_KB_MORE * (traffic.candidates - 1)
    kept = captured * each_kb / _KB_IN_GB * (1 + TABLE_SHARE) * of.capture_days / (HOURS / 24)
    yield _line(
        "captures and their tables",
        kept * prices.price.storage_gb_month
        + captured / _MILLION * COMPACT_S_MILLION * COMPACT_GB * prices.price.function_gb_second,
        f"{each_kb:.1f} KB a request for {of.capture_days} days: {kept:.1f} GB",
        by_use=True,
    )


def _line(what: str, month_usd: float, basis: str, *, by_use: bool = False) -> CostLine:
    return CostLine(what=what, month_usd=month_usd, by_use=by_use, basis=basis)
