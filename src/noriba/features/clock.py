"""Wall-clock time, column by column: a zone's offsets as a table, so that a million rows cost one search.

Instants are seconds since 1970-01-01T00:00:00Z. A *wall time* is what a clock on the wall shows, counted in seconds as
if it were UTC; calendar features read wall time, because traffic does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

if TYPE_CHECKING:
    from noriba.features.columns import Column

DAY_S = 86_400.0
WEEK_S = 7.0 * DAY_S
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
# "Factory" is the zone of a computer whose zone nobody has set: https://data.iana.org/time-zones/tzdb/factory
_NO_PLACE = frozenset({"Factory"})
# The shortest stay at another offset on record, Recife's summer time of October 2000, lasted a week.
_STEP_S = 4 * 86_400


@dataclass(frozen=True)
class ZoneClock:
    """A time zone's offsets: `offsets_s[i]` holds from instant `starts_s[i]` on."""

    starts_s: Column
    offsets_s: Column

    def to_wall_s(self, instant_s: Column) -> Column:
        """The wall times of instants; NaN stays NaN."""
        return instant_s + self._offset_at(instant_s)

    def _offset_at(self, instant_s: Column) -> Column:
        index = np.searchsorted(self.starts_s, instant_s, side="right") - 1
        return self.offsets_s[np.maximum(index, 0)]


@lru_cache(maxsize=1)
def list_zones() -> frozenset[str]:
    """The names of time zones that requests and files may use: IANA's, the same ones on every computer.

    A computer's own table knows others besides (`localtime`, `posixrules`, `right/UTC`), which mean something else
    from one to the next.
    """
    names = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(names) - _NO_PLACE


@lru_cache(maxsize=1024)
def read_zone_clock(zone: str) -> ZoneClock:
    """The offsets of an IANA time zone, such as `America/New_York`, from 1970 to 2100.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: no such zone.
    """
    info = _read_zone(zone)
    instant, end = _begin_year(_FIRST_YEAR), _begin_year(_LAST_YEAR)
    starts, offsets = [instant], [_offset(info, instant)]
    while instant < end:
        following = instant + _STEP_S
        if _offset(info, following) != offsets[-1]:
            following = _find_change(info, instant, following)
            starts.append(following)
            offsets.append(_offset(info, following))
        instant = following
    return ZoneClock(np.array(starts, dtype=np.float64), np.array(offsets))


def _read_zone(zone: str) -> ZoneInfo:
    """A zone by the table that travels with this code: a computer's own, which Python prefers, may be years older."""
    if zone not in list_zones():
        raise ZoneInfoNotFoundError(f"no such time zone: {zone!r}")
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as table:
        return ZoneInfo.from_file(table, key=zone)


def _begin_year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _find_change(info: ZoneInfo, before: int, after: int) -> int:
    """The first second after `before` at which the offset is no longer what it was."""
    old = _offset(info, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(info, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(info: ZoneInfo, instant: int) -> float:
    offset = datetime.fromtimestamp(instant, info).utcoffset()
    assert offset is not None  # noqa: S101  # a ZoneInfo always knows its offset
    return offset.total_seconds()


def read_hour_of_day(wall_s: Column) -> Column:
    """Hours since midnight, 0 ≤ h < 24, with fractions."""
    return (wall_s % DAY_S) / 3600.0


def read_day_of_week(wall_s: Column) -> Column:
    """Monday 0 to Sunday 6. The first of January 1970 was a Thursday."""
    return (np.floor(wall_s / DAY_S) + 3.0) % 7.0
