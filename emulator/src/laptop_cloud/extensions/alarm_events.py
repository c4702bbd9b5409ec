"""The event that tells of an alarm's change of state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.alarm_evaluation import AlarmSettings
from laptop_cloud.ministack_seams import put_aws_event

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

Json = dict[str, Any]

_last_told: dict[str, Json] = {}
"""By alarm ARN: the state that the last event told of, as the next one's previous state."""


def with_event(act: Function) -> Function:
    """What acts on a change of state tells EventBridge of it, too."""

    def act_and_tell(alarm: Json, old_state: str, new_state: str, reason: str) -> None:
        act(alarm, old_state, new_state, reason)
        put_aws_event(
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            _event_detail(alarm, old_state),
            resources=[alarm["AlarmArn"]],
        )

    return act_and_tell


def remember_previous(alarm: Json) -> None:
    """Keep the state that is about to end, for the event that tells of the next one."""
    _last_told.setdefault(alarm["AlarmArn"], _state(alarm, alarm.get("StateUpdatedTimestamp", time.time())))


def _event_detail(alarm: Json, old_state: str) -> Json:
    arn = alarm["AlarmArn"]
    previous = _last_told.get(arn, {})
    if previous.get("value") != old_state:
        previous = {"value": old_state, "timestamp": write_time(time.time())}
    state = _last_told[arn] = _state(alarm, time.time())
    configuration: Json = {"description": alarm.get("AlarmDescription", "")}
    if "AlarmRule" in alarm:
        configuration["alarmRule"] = alarm["AlarmRule"]
    else:
        configuration["metrics"] = [_metric(AlarmSettings.of(alarm))]
    return {
        "alarmName": alarm["AlarmName"],
        "configuration": configuration,
        "previousState": previous,
        "state": state,
    }


def _metric(settings: AlarmSettings) -> Json:
    if settings.expressions:
        [expression] = settings.expressions
        return {"id": expression.id, "expression": expression.text, "returnData": True}
    metric: Json = {
        "namespace": settings.namespace,
        "name": settings.metric_name,
        "dimensions": {dimension.name: dimension.value for dimension in settings.dimensions},
    }
    statistic: Json = {"metric": metric, "period": settings.period_s, "stat": settings.wanted_statistic}
    if settings.unit:
        statistic["unit"] = settings.unit
    return {"id": "m1", "metricStat": statistic, "returnData": True}


def _state(alarm: Json, at: float) -> Json:
    state: Json = {"value": alarm["StateValue"], "reason": alarm["StateReason"], "timestamp": write_time(at)}
    if data := alarm.get("StateReasonData"):
        state["reasonData"] = data
    return state


def write_time(at: float) -> str:
    """A moment as CloudWatch's events have it."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"
