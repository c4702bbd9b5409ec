"""The clock on the wall, held against zoneinfo and the calendar."""

from __future__ import annotations

import zoneinfo
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.features.clock import read_day_of_week, read_hour_of_day, read_zone_clock
from noriba.features.columns import as_column

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONES = (
    "America/New_York",
    "Asia/Tokyo",  # one offset for ever
    "Europe/London",  # summer time all through 1970
    "Australia/Lord_Howe",  # half an hour of summer time, in the southern summer
    "Asia/Kathmandu",  # a quarter of an hour
    "Africa/Monrovia",  # minus 44 minutes and 30 seconds until 1972
    "Africa/Casablanca",  # summer time rests in Ramadan
    "Africa/Cairo",  # three weeks of summer time in 2010
    "America/Recife",  # a week of summer time in 2000
    "Pacific/Apia",  # the thirtieth of December 2011 never was
    "UTC",
)
END_S = 4_102_444_800  # 2100-01-01T00:00:00Z
INSTANT = st.integers(0, END_S - 1)


@pytest.fixture(scope="module", autouse=True)
def _zones_as_packaged() -> Iterator[None]:
    """Let zoneinfo, too, read the table that travels with the code, not this computer's."""
    with own_table():
        yield


@contextmanager
def own_table(*folders: Path) -> Iterator[None]:
    """A computer whose own table of zones is these folders; what they lack, Python takes from the package."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(folders)
    forget()
    yield
    zoneinfo.reset_tzpath(before)
    forget()


def forget() -> None:
    ZoneInfo.clear_cache()
    read_zone_clock.cache_clear()


def show_on_the_wall(zone: str, instant_s: int) -> float:
    """Seconds since 1970 on that zone's clocks, by zoneinfo."""
    return datetime.fromtimestamp(instant_s, ZoneInfo(zone)).replace(tzinfo=UTC).timestamp()


@given(st.sampled_from(ZONES), st.lists(INSTANT, min_size=1, max_size=20))
def test_wall_time_is_that_of_zoneinfo(zone: str, instants: list[int]) -> None:
    wall_s = read_zone_clock(zone).to_wall_s(as_column(instants))

    assert wall_s.tolist() == [show_on_the_wall(zone, instant) for instant in instants]


@pytest.mark.parametrize("zone", ZONES)
def test_wall_time_is_right_to_the_second_around_each_change_of_the_clock(zone: str) -> None:
    clock = read_zone_clock(zone)
    instants = [int(start) + second for start in clock.starts_s for second in (-1, 0, 1) if start + second >= 0]

    assert clock.to_wall_s(as_column(instants)).tolist() == [show_on_the_wall(zone, instant) for instant in instants]


@pytest.mark.parametrize("zone", ["America/Recife", "Africa/Cairo", "America/Argentina/Tucuman", "Pacific/Fiji"])
def test_a_summer_time_of_a_few_days_is_not_overlooked(zone: str) -> None:
    days = list(range(0, 2_000_000_000, 86_400 * 3))

    assert read_zone_clock(zone).to_wall_s(as_column(days)).tolist() == [show_on_the_wall(zone, day) for day in days]


def test_an_unknown_instant_stays_unknown() -> None:
    assert np.isnan(read_zone_clock("Asia/Tokyo").to_wall_s(as_column([np.nan])))[0]


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        read_zone_clock("Mars/Olympus_Mons")


def test_a_computer_s_own_table_of_zones_changes_nothing(tmp_path: Path) -> None:
    """It may be years older than the next computer's: here, its New York has Tokyo's clock."""
    own = tmp_path / "America" / "New_York"
    own.parent.mkdir()
    own.write_bytes(resources.files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    with own_table(tmp_path):
        by_computer = show_on_the_wall("America/New_York", int(noon))
        wall_s = read_zone_clock("America/New_York").to_wall_s(as_column([noon]))[0]

    assert (by_computer - noon, wall_s - noon) == (9 * 3600, -5 * 3600)


@given(INSTANT)
def test_hour_and_day_are_those_of_the_calendar(wall_s: int) -> None:
    moment = datetime.fromtimestamp(wall_s, UTC)
    column = as_column([wall_s])

    assert read_hour_of_day(column)[0] * 3600 == pytest.approx(wall_s % 86_400, abs=1e-6)
    assert int(read_hour_of_day(column)[0]) == moment.hour
    assert read_day_of_week(column)[0] == moment.weekday()


@pytest.mark.parametrize(
    ("moment", "day_of_week"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 3),
        (datetime(2000, 2, 29, tzinfo=UTC), 1),
        (datetime(2024, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 1),
        (datetime(2100, 3, 1, tzinfo=UTC), 0),
    ],
)
def test_days_of_the_week_run_from_monday_0_to_sunday_6(moment: datetime, day_of_week: int) -> None:
    assert read_day_of_week(as_column([moment.timestamp()]))[0] == day_of_week


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_an_unknown_time_has_no_hour_and_no_day(unknown: float) -> None:
    with np.errstate(invalid="ignore"):
        read = [function(as_column([unknown]))[0] for function in (read_hour_of_day, read_day_of_week)]

    assert np.isnan(read).all()
