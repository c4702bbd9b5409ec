"""Timestamps: as an app writes them, ISO 8601 with zone or offset and nothing that only might be one; and in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, WithJsonSchema

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Outside them a clock is broken; the second one is exclusive."""
HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")


def _check_written(value: object) -> object:
    # Numbers would be taken for seconds since 1970, and for milliseconds when they are large.
    if not isinstance(value, datetime) and not (isinstance(value, str) and _DATE_AND_TIME.match(value)):
        raise ValueError("write ISO 8601 with zone or offset, such as 2026-07-01T08:30:00-04:00")
    return value


def _check_year(moment: AwareDatetime) -> AwareDatetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("the year must be from 2000 to 2099, in UTC")
    return moment


Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(_check_written),
    AfterValidator(_check_year),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "^20"}),
]
"""The type of a request's field that is a moment; both faults say what to send."""

UtcTimestamp = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""The type of an event's field: with a zone on the way in, in UTC from then on."""


def to_microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970; a float of seconds would round them.

    Raises:
        TypeError: the moment has no zone.
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    """The moment, in UTC, so many microseconds after the beginning of 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def begin_day(day: date) -> datetime:
    """The first moment of a day of UTC."""
    return datetime.combine(day, time(), UTC)


def begin_hour(moment: datetime) -> datetime:
    """The full hour, in UTC, that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
