"""A clock in a file: whoever has entered it tells its time, wherever Python programs look for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from laptop_cloud.shared_clock import (
    ClockError,
    SharedClock,
    describe_clock,
    enter,
    has_entered,
    leave,
    read_moment,
    real_time_s,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = datetime(2019, 12, 31, 23, 59, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "clock"
    leave()


def test_it_ticks_from_where_it_begins_and_everybody_sees_it_move(file: Path) -> None:
    mine = SharedClock.create(file, BEGIN)
    another = SharedClock(file)
    first = another.time_ns()
    mine.move_to(BEGIN + timedelta(days=400))

    assert 0 <= first / 1e9 - BEGIN.timestamp() < 60
    assert 0 <= another.time_s() - (BEGIN + timedelta(days=400)).timestamp() < 60
    assert another.time_ns() < another.time_ns()


def test_it_may_begin_in_the_future_and_without_a_time_tells_the_real_one(file: Path) -> None:
    assert (
        SharedClock.create(file, datetime(2031, 1, 1, tzinfo=UTC)).time_s()
        > datetime(2031, 1, 1, tzinfo=UTC).timestamp()
    )
    assert abs(SharedClock.create(file).time_s() - time.time()) < 60


def test_it_does_not_move_back(file: Path) -> None:
    clock = SharedClock.create(file, BEGIN)

    with pytest.raises(ClockError, match=r"stands at 2019-12-31T23:59:.* not to 2019-12-31T23:00:00\+00:00"):
        clock.move_to(datetime(2019, 12, 31, 23, tzinfo=UTC))
    assert clock.time_s() >= BEGIN.timestamp()


def test_who_does_not_drive_it_cannot_move_it(file: Path) -> None:
    SharedClock.create(file, BEGIN)

    with pytest.raises(TypeError, match="read-only"):
        SharedClock(file).move_to(BEGIN + timedelta(days=1))


def test_this_process_tells_its_time_until_it_leaves(file: Path) -> None:
    before_s, ticks_s = time.time(), time.monotonic()
    clock = SharedClock.create(file, BEGIN)
    enter(file)
    clock.move_to(BEGIN + timedelta(days=2))

    assert has_entered()
    told = (
        datetime.now(UTC),
        datetime.fromtimestamp(time.time(), UTC),
        datetime.fromtimestamp(time.time_ns() / 1e9, UTC),
    )
    assert all(timedelta(0) <= one - BEGIN - timedelta(days=2) < timedelta(minutes=1) for one in told)
    assert date.today() >= date(2020, 1, 1)  # noqa: DTZ011 -- that, too, is asked
    assert time.gmtime().tm_year == 2020
    assert 0 <= time.monotonic() - ticks_s < 60
    assert 0 <= real_time_s() - before_s < 60
    leave()
    assert not has_entered()
    assert 0 <= time.time() - before_s < 60
    leave()


PROGRAM = """
import json, sys, time
sys.stdout.write(f"{time.time()}\\n"); sys.stdout.flush()
sys.stdin.readline()
sys.stdout.write(f"{time.time()}\\n"); sys.stdout.flush()
sys.stdout.write(json.dumps(sorted(name for name in sys.modules if name in ("pytest", "dateutil", "laptop_cloud"))))
"""
BY_PATH = """
import importlib.util, json, sys
given = json.loads(sys.argv[1])
spec = importlib.util.spec_from_file_location("clock", given["program"])
module = sys.modules["clock"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.enter(given["file"], given["libraries"])
"""


def test_an_interpreter_without_packages_enters_it_by_path_and_gets_no_others(file: Path) -> None:
    clock = SharedClock.create(file, BEGIN)
    command = [sys.executable, "-I", "-S", "-c", BY_PATH + PROGRAM, json.dumps(describe_clock(file))]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        first_s = float(program.stdout.readline())
        clock.move_to(BEGIN + timedelta(days=30))
        program.stdin.write("go on\n")
        program.stdin.flush()
        second_s = float(program.stdout.readline())
        loaded = json.loads(program.stdout.readline())

    assert 0 <= first_s - BEGIN.timestamp() < 60
    assert 0 <= second_s - (BEGIN + timedelta(days=30)).timestamp() < 60
    assert loaded == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T09:00:00+09:00", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_with_its_zone(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment
    assert abs(read_moment("now") - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(("text", "said"), [("2026-03-01", "names no time zone"), ("tomorrow", "is no time; give one")])
def test_what_is_no_moment_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_moment(text)
