"""Holidays by rule, held against the calendar of somebody who knows: pandas' own rules for the same law."""

from __future__ import annotations

from copy import copy
from datetime import date

import numpy as np
import pytest
from pandas.tseries.holiday import AbstractHolidayCalendar, USFederalHolidayCalendar

from usecases.taxi_eta.holidays import list_holidays, number_holidays


def list_by_pandas(year: int) -> set[date]:
    """By the same rules without the neighbouring days of those that fall on a weekend."""
    rules = [copy(rule) for rule in USFederalHolidayCalendar().rules]
    for rule in rules:
        rule.observance = None
    calendar = AbstractHolidayCalendar(rules=rules)
    return {day.date() for day in calendar.holidays(f"{year}-01-01", f"{year}-12-31")}


@pytest.mark.parametrize("year", range(2000, 2031))
def test_the_holidays_of_a_year_are_those_of_the_law(year: int) -> None:
    assert {*list_holidays(year)} == list_by_pandas(year)


def test_days_are_counted_from_1970_and_no_two_holidays_are_neighbours() -> None:
    days = number_holidays(2000, 2100)

    assert days[0] == (date(2000, 1, 1) - date(1970, 1, 1)).days
    assert np.diff(days).min() > 2
