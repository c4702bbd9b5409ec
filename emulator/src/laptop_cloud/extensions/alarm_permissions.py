"""An alarm tells a topic only what the topic's policy lets CloudWatch tell it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from laptop_cloud.policies import find_service_refusal

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def with_permission(act: Function) -> Function:
    """What acts on a change of state leaves out topics that do not let it."""

    def act_where_allowed(alarm: Json, old_state: str, new_state: str, reason: str) -> None:
        allowed = {name: [arn for arn in alarm.get(name) or () if _may_tell(arn, alarm)] for name in _ACTIONS}
        act({**alarm, **allowed}, old_state, new_state, reason)

    return act_where_allowed


def _may_tell(topic: str, alarm: Json) -> bool:
    if ":sns:" not in topic:
        return True
    why = find_service_refusal("cloudwatch", "sns:Publish", topic, source=alarm["AlarmArn"])
    if why is not None:
        _log.warning("alarm %s told nobody: %s", alarm["AlarmName"], why)
    return why is None
