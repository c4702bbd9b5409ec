"""When is a CloudWatch alarm in which state? Pure: data points and settings in, a verdict out.

Follows https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html and, for data points that
did not come, https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

EXTRA_PERIODS = 2
"""How many periods beyond the evaluation periods are looked at when data points are missing; AWS's page shows two."""

_BREACHES: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


class Dimension(BaseModel):
    """One name and value that tell a metric's series apart."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(alias="Name")
    value: str = Field(alias="Value")


class Expression(BaseModel):
    """What an alarm watches when it is no single series: a query over several."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(alias="Id")
    text: str = Field(alias="Expression")


class AlarmSettings(BaseModel):
    """What the alarm watches, named as in `PutMetricAlarm`; periods are in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    name: str = Field(alias="AlarmName")
    arn: str = Field(alias="AlarmArn")
    description: str = Field(default="", alias="AlarmDescription")
    namespace: str = Field(alias="Namespace")
    metric_name: str = Field(alias="MetricName")
    dimensions: tuple[Dimension, ...] = Field(default=(), alias="Dimensions")
    expressions: tuple[Expression, ...] = Field(default=(), alias="Metrics")
    statistic: str | None = Field(default=None, alias="Statistic")
    extended_statistic: str | None = Field(default=None, alias="ExtendedStatistic")
    unit: str | None = Field(default=None, alias="Unit")
    period_s: int = Field(alias="Period")
    evaluation_periods: int = Field(alias="EvaluationPeriods")
    datapoints_to_alarm: int | None = Field(default=None, alias="DatapointsToAlarm")
    threshold: float = Field(alias="Threshold")
    comparison: str = Field(alias="ComparisonOperator")
    treat_missing_data: Literal["breaching", "notBreaching", "ignore", "missing"] = Field(
        default="missing", alias="TreatMissingData"
    )

    @classmethod
    def of(cls, alarm: Mapping[str, Any]) -> Self:
        """Those of an alarm that watches a metric, as MiniStack keeps it: what was not set is None there."""
        return cls.model_validate({key: value for key, value in alarm.items() if value is not None})

    @property
    def wanted_statistic(self) -> str:
        """The statistic, extended (`p90`) or not."""
        return self.extended_statistic or self.statistic or "Average"

    @property
    def points_to_alarm(self) -> int:
        """How many breaching data points make an alarm."""
        return self.datapoints_to_alarm or self.evaluation_periods

    def breaches(self, value: float) -> bool:
        """Is the value on the wrong side of the threshold?

        Raises:
            NotImplementedError: the comparison needs an anomaly detection band, which the laptop cloud does not learn.
        """
        if self.comparison not in _BREACHES:
            raise NotImplementedError(f"alarm {self.name}: the laptop cloud does not know {self.comparison}")
        return _BREACHES[self.comparison][0](value, self.threshold)


class Datapoint(NamedTuple):
    """The statistic of one period; None when no data came."""

    start: float
    value: float | None


class Verdict(NamedTuple):
    """The state an alarm should be in, and why, in CloudWatch's words."""

    state: State
    reason: str
    recent: tuple[Datapoint, ...]

    def reason_data(self, settings: AlarmSettings, now: float, stamp: Callable[[float], str]) -> dict[str, Any]:
        """The reason for machines, as `DescribeAlarms` and the alarm's event show it."""
        data: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now)}
        if self.recent:
            data["startDate"] = stamp(self.recent[0].start)
        if settings.unit:
            data["unit"] = settings.unit
        return {
            **data,
            "statistic": settings.wanted_statistic,
            "period": settings.period_s,
            "recentDatapoints": [point.value for point in self.recent],
            "threshold": settings.threshold,
        }


def evaluate(settings: AlarmSettings, points: Sequence[Datapoint], stamp: Callable[[float], str]) -> Verdict | None:
    """The state that the data points call for; None when the alarm stays as it is.

    Args:
        settings: of the alarm.
        points: one per period, oldest first: the evaluation periods and `EXTRA_PERIODS` before them.
        stamp: writes a point's time into the reason.
    """
    real = [point for point in points if point.value is not None]
    needed = settings.evaluation_periods
    if len(real) >= needed:
        recent = real[-needed:]
        return _verdict(settings, recent, _count_breaching(settings, recent), 0, stamp)
    missing = needed - len(real)
    breaching = _count_breaching(settings, real)
    if settings.treat_missing_data == "breaching":
        return _verdict(settings, real, breaching + missing, missing, stamp)
    if settings.treat_missing_data == "notBreaching" or breaching >= settings.points_to_alarm or breaching < len(real):
        return _verdict(settings, real, breaching, missing, stamp)
    return _judge_scarce(settings, points, real, missing, stamp)


def _judge_scarce(
    settings: AlarmSettings,
    points: Sequence[Datapoint],
    real: Sequence[Datapoint],
    missing: int,
    stamp: Callable[[float], str],
) -> Verdict | None:
    """Too few points, none of them good: only `missing` draws conclusions, `ignore` never does."""
    if settings.treat_missing_data == "ignore":
        return None
    if not real:
        return Verdict("INSUFFICIENT_DATA", f"Insufficient Data: {missing} {_call_points(missing)} were unknown.", ())
    # A breaching point as old as the alarm demands, and nothing better since: AWS does not wait for more.
    within = points[-settings.evaluation_periods :]
    oldest = next((age for age, point in enumerate(within) if point.value is not None), len(within))
    if len(within) - oldest >= settings.points_to_alarm:
        return _verdict(settings, real, len(real), missing, stamp, alarmed=True)
    return None


def _count_breaching(settings: AlarmSettings, points: Sequence[Datapoint]) -> int:
    return sum(settings.breaches(point.value) for point in points if point.value is not None)


def _verdict(
    settings: AlarmSettings,
    real: Sequence[Datapoint],
    breaching: int,
    missing: int,
    stamp: Callable[[float], str],
    *,
    alarmed: bool = False,
) -> Verdict:
    alarmed = alarmed or breaching >= settings.points_to_alarm
    state: State = "ALARM" if alarmed else "OK"
    count = breaching if alarmed else len(real) + missing - breaching
    shown = ", ".join(f"{point.value} ({stamp(point.start)})" for point in reversed(real))
    treated = f"{missing} missing {_call_points(missing)} treated as [{settings.treat_missing_data}]" if missing else ""
    found = " and ".join(filter(None, (treated, f"[{shown}]" if shown else "")))
    words = _BREACHES[settings.comparison][1]
    reason = (
        f"Threshold Crossed: {count} out of the last {settings.evaluation_periods} "
        f"datapoints {found} {'was' if count == 1 else 'were'} "
        f"{'' if alarmed else 'not '}{words} the threshold ({settings.threshold}) "
        f"(minimum {settings.points_to_alarm} {_call_points(settings.points_to_alarm)} for "
        f"{'OK -> ALARM' if alarmed else 'ALARM -> OK'} transition)."
    )
    return Verdict(state, reason, tuple(real))


def _call_points(count: int) -> str:
    return "datapoint" if count == 1 else "datapoints"
