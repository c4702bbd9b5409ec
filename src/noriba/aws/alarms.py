"""What became of alarms: CloudWatch's own record of their states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from noriba.timestamps import UtcTimestamp  # pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudwatch import CloudWatchClient

_RINGING = "ALARM"


class AlarmChange(BaseModel):
    """An alarm began to ring, or stopped."""

    model_config = ConfigDict(frozen=True)

    name: str
    at: UtcTimestamp
    rings: bool


def list_changes(cloudwatch: CloudWatchClient, *, prefix: str, since: datetime) -> Iterator[AlarmChange]:
    """Alarms whose names begin so, as they began and stopped to ring; CloudWatch remembers 30 days.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
    """
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], HistoryItemType="StateUpdate", StartDate=since
    )
    for page in pages:
        for item in page["AlarmHistoryItems"]:
            name, summary = item["AlarmName"], item.get("HistorySummary", "")
            # "Alarm updated from OK to ALARM".
            _, _, states = summary.partition(" from ")
            before, _, after = states.partition(" to ")
            if name.startswith(prefix) and before != after and _RINGING in {before, after}:
                yield AlarmChange(name=name, at=item["Timestamp"].astimezone(UTC), rings=after == _RINGING)
