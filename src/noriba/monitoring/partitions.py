"""Which files of compacted observations a query reads: those of the hours and the use case that it asks about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.timestamps import begin_hour

if TYPE_CHECKING:
    from datetime import datetime

ASTRAY = timedelta(hours=1)
"""How far from its own hour a line may lie: an object is named by the hour in which its first line came, or its last.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""
PARTITIONS = "use_case = ? AND day >= ? AND (day > ? OR hour >= ?) AND day <= ? AND (day < ? OR hour <= ?)"
"""What stands in a WHERE clause; `bind_partitions` gives the values."""

HOUR_US = "answered_at_us - answered_at_us % 3600000000"
"""When the hour of an answer began, in microseconds since 1970."""


def bind_partitions(use_case: str, since: datetime, until: datetime) -> tuple[str | int, ...]:
    """The values of `PARTITIONS`, an hour to either side included."""
    first, last = begin_hour(since - ASTRAY), begin_hour(until + ASTRAY)
    first_day, last_day = f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"
    return use_case, first_day, first_day, first.hour, last_day, last_day, last.hour
