"""The federal holidays of the United States, by rule: most streets are emptier on them, and fuller on their eves.

The days of 5 U.S.C. 6103(a), each on its own date: where it falls on a weekend, offices close on a neighbouring day,
but the day that is kept is the holiday's. Not Inauguration Day, which one city keeps.
https://www.law.cornell.edu/uscode/text/5/6103
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONDAY, _THURSDAY = 0, 3
_EPOCH = date(1970, 1, 1)
_WEEK = timedelta(days=7)
_FIRST_JUNETEENTH = 2021


def list_holidays(year: int) -> Iterator[date]:
    """In their order."""
    yield date(year, 1, 1)
    yield _find_weekday(year, 1, _MONDAY, 3)
    yield _find_weekday(year, 2, _MONDAY, 3)
    yield _find_weekday(year, 6, _MONDAY, 1) - _WEEK
    if year >= _FIRST_JUNETEENTH:
        yield date(year, 6, 19)
    yield date(year, 7, 4)
    yield _find_weekday(year, 9, _MONDAY, 1)
    yield _find_weekday(year, 10, _MONDAY, 2)
    yield date(year, 11, 11)
    yield _find_weekday(year, 11, _THURSDAY, 4)
    yield date(year, 12, 25)


def number_holidays(first: int, last: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """All of the years from the first to the last, as days since 1970, ascending."""
    days = [(day - _EPOCH).days for year in range(first, last + 1) for day in list_holidays(year)]
    return np.array(days, dtype=np.float64)


def _find_weekday(year: int, month: int, weekday: int, which: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7) + (which - 1) * _WEEK
