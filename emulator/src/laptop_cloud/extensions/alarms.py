"""CloudWatch alarms watch the series they name, fall back to OK, and tell EventBridge.

MiniStack compares all series of a metric's name over one window, only when `PutMetricData` is called, and sends no
event. Here the alarms of every account are evaluated as `alarm_evaluation` says, soon after data came and every few
seconds, and each change of state is sent as AWS sends it:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
A template's alarm may also watch a query (`metrics_insights`), which MiniStack refuses.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.alarm_evaluation import EXTRA_PERIODS, AlarmSettings, Datapoint, Verdict, evaluate
from laptop_cloud.extensions.alarm_events import remember_previous, with_event, write_time
from laptop_cloud.extensions.alarm_permissions import with_permission
from laptop_cloud.extensions.metric_periods import MetricPeriods, find_statistic
from laptop_cloud.extensions.metrics_insights import parse_query
from laptop_cloud.extensions.ticker import Ticker
from laptop_cloud.ministack_seams import Seam, all_records, in_scope, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

_EVERY_S = 5.0
_PAUSE_S = 1.0
"""Between two evaluations, however much data comes: each takes its time from whoever is answered. CloudWatch evaluates
an alarm once a minute."""

Json = dict[str, Any]


def install() -> Ticker:
    """Close the gap; the answer evaluates the alarms until it is stopped."""
    ticker = Ticker("alarms", evaluate_all, every_s=_EVERY_S, pause_s=_PAUSE_S)

    def wake_instead(_original: Function) -> Function:
        return lambda *_alarm: ticker.wake()

    def wake_after(original: Function) -> Function:
        def then_wake(*args: Any, **kwargs: Any) -> None:
            original(*args, **kwargs)
            ticker.wake()

        return then_wake

    wrap(Seam.EVALUATE_ALARM, wake_instead)
    wrap(Seam.EVALUATE_ALARMS, wake_instead)
    wrap(Seam.RECORD_METRIC, wake_after)
    wrap(Seam.STORE_DATUM, wake_after)
    wrap(Seam.ALARM_ACTIONS, with_permission)
    wrap(Seam.ALARM_ACTIONS, with_event)
    wrap(Seam.ALARM_OF_TEMPLATE, _with_query)
    return ticker


# --- evaluation ------------------------------------------------------------------------------------------------------


_evaluating = threading.Lock()
"""Held while alarms are evaluated, so that no change of state is seen twice."""


def evaluate_all() -> None:
    """Bring every metric alarm of every account into the state that its data call for."""
    with _evaluating:
        for account, region, _name, alarm in all_records(Seam.ALARMS):
            with in_scope(account, region):
                _evaluate(alarm, time.time())


def find_next_change_s() -> float | None:
    """When the next alarm will change its state if no more data come; None when none will."""
    found = []
    with _evaluating:
        for account, region, _name, alarm in all_records(Seam.ALARMS):
            with in_scope(account, region):
                found.append(_find_change_s(alarm, time.time()))
    return min((one for one in found if one is not None), default=None)


def _evaluate(alarm: Json, now: float) -> None:
    settings = AlarmSettings.of(alarm)
    verdict = evaluate(settings, _find_datapoints(settings, now), _short_time)
    if verdict is not None and verdict.state != alarm["StateValue"]:
        _move(alarm, settings, verdict, now)


def _find_change_s(alarm: Json, now: float) -> float | None:
    settings = AlarmSettings.of(alarm)
    series = _read(settings, now)
    newest = max((each.newest for each in series if each.newest is not None), default=None)
    if newest is None:
        return None
    running = int(now // settings.period_s)
    # Once the newest data point is out of sight, nothing changes any more.
    for later in range(running + 1, newest + _periods(settings) + 2):
        try:
            verdict = evaluate(settings, _look(settings, series, later), _short_time)
        except NotImplementedError:
            # So says its evaluation, again and again.
            return None
        if verdict is not None and verdict.state != alarm["StateValue"]:
            return float(later * settings.period_s)
    return None


_watched: dict[str, tuple[AlarmSettings, dict[str, MetricPeriods]]] = {}
"""By alarm ARN: what it watches, and its series as far as they were read."""


def _find_datapoints(settings: AlarmSettings, now: float) -> list[Datapoint]:
    return _look(settings, _read(settings, now), int(now // settings.period_s))


def _periods(settings: AlarmSettings) -> int:
    return settings.evaluation_periods + EXTRA_PERIODS


def _read(settings: AlarmSettings, now: float) -> list[MetricPeriods]:
    """The series that the alarm watches, with all that has come."""
    watched, known = _watched.get(settings.arn, (None, {}))
    if watched != settings:
        known = {}
    series: dict[str, MetricPeriods] = {}
    for key, samples in _find_series(settings):
        series[key] = known.get(key) or MetricPeriods(settings.period_s, settings.unit)
        series[key].read(samples, since=int(now // settings.period_s) - _periods(settings))
    _watched[settings.arn] = settings, series
    return [*series.values()]


def _look(settings: AlarmSettings, series: list[MetricPeriods], running: int) -> list[Datapoint]:
    """One point per period; the period that is still running counts once it has data."""
    periods = _periods(settings)
    values = {
        period: find_statistic(settings.wanted_statistic, period, series)
        for period in range(running - periods, running + 1)
    }
    last = running if values[running] is not None else running - 1
    return [
        Datapoint(float(period * settings.period_s), values[period]) for period in range(last - periods + 1, last + 1)
    ]


def _find_series(settings: AlarmSettings) -> list[tuple[str, list[Json]]]:
    """The series that the alarm watches, by dimensions: the one that it names, or all that its query finds."""
    metrics = reach(Seam.METRICS)
    if settings.expressions:
        query = parse_query(settings.expressions[0].text)
        return [
            (key, samples)
            for (namespace, metric_name, key), samples in list(metrics.items())
            if query.fits(namespace, metric_name, _read_dimensions(key))
        ]
    key = reach(Seam.DIMENSIONS_KEY)({dimension.name: dimension.value for dimension in settings.dimensions})
    samples = metrics.get((settings.namespace, settings.metric_name, key))
    return [(key, samples)] if samples else []


def _read_dimensions(key: str) -> dict[str, str]:
    """The dimensions of a series from what MiniStack makes of them: `EndpointName=a|VariantName=b`."""
    return dict(pair.split("=", 1) for pair in key.split("|") if pair)


def _move(alarm: Json, settings: AlarmSettings, verdict: Verdict, now: float) -> None:
    old_state = alarm["StateValue"]
    remember_previous(alarm)
    alarm["StateValue"] = verdict.state
    alarm["StateReason"] = verdict.reason
    alarm["StateReasonData"] = json.dumps(verdict.reason_data(settings, now, write_time))
    alarm["StateUpdatedTimestamp"] = int(now)
    reach(Seam.ALARM_HISTORY)(alarm["AlarmName"], old_state, verdict.state, verdict.reason)
    reach(Seam.ALARM_ACTIONS)(alarm, old_state, verdict.state, verdict.reason)
    reach(Seam.PARENT_ALARMS)(alarm)


def _short_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S}"


# --- queries ---------------------------------------------------------------------------------------------------------


def _with_query(make: Function) -> Function:
    """An alarm on one query is made as one on its metric, and remembers the query."""

    def make_either(name: str, properties: Json) -> Json:
        expressions = properties.get("Metrics") or []
        if len(expressions) != 1 or "Expression" not in expressions[0]:
            made: Json = make(name, properties)
            return made
        query = parse_query(expressions[0]["Expression"])
        told = {
            "Namespace": query.namespace,
            "MetricName": query.metric_name,
            "Statistic": query.statistic,
            "Period": expressions[0]["Period"],
        }
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        return {**make(name, {**plain, **told}), "Metrics": expressions}

    return make_either
