"""The laptop cloud's own time, as commands tell it and move it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from laptop.clock_commands import tell_hours
from laptop.replaying.timelines import CloudTime
from laptop.state import PROJECT_ROOT
from laptop_cloud import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
TELL_TIME = """
from datetime import UTC, datetime
from laptop.state import point_here_unless_told_otherwise
point_here_unless_told_otherwise()
print(datetime.now(UTC).isoformat())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where an empty laptop cloud runs that has a clock of its own."""
    folder = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process.start(state_dir=folder / "laptop", assembly=folder / "cdk.out", port=port, clock=BEGIN)
    yield folder
    process.stop(folder / "laptop")


@pytest.fixture
def run(home: Path) -> Run:
    """`run("noriba", "clock")`: a program of this environment, as somebody runs it there."""

    def run_there(program: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            [str(PROJECT_ROOT / ".venv/bin" / program), *words],
            env={**kept, "NORIBA_HOME": str(home), **variables},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_there


def read_clock(run: Run, *words: str) -> datetime:
    done = run("noriba", "clock", *words, "--json")
    assert done.returncode == 0, done.stderr
    return datetime.fromisoformat(json.loads(done.stdout)["now"])


def test_it_is_told_and_passes_on_demand(run: Run) -> None:
    assert "it is 2026-03-01 03:00:" in run("noriba", "clock", "--by", "3").stdout
    assert read_clock(run, "--to", "2026-03-02T09:00:00+09:00", "--jump") >= BEGIN + timedelta(days=1)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--to", "2026-02-01T00:00:00Z"), 1, "only moves forward"),
        (("--to", "2026-02-01"), 2, "names no time zone"),
        (("--to", "2026-04-01T00:00:00Z", "--by", "1"), 2, "not both"),
    ],
)
def test_where_it_cannot_go_is_told(run: Run, words: tuple[str, ...], status: int, said: str) -> None:
    done = run("noriba", "clock", *words)

    assert done.returncode == status
    assert said in " ".join(done.stderr.replace("│", " ").split())


class Lines(list[str]):
    """Lines that stay."""

    def update(self, text: str) -> None:
        pass

    def done(self, text: str) -> None:
        self.append(text)


@pytest.mark.parametrize(
    ("hours", "move_min", "told"),
    [(10, 1, 9), (10, 15, 9), (10, 150, 3), (0.5, 1, 0), (72, 15, 2)],
    ids=["each minute", "each quarter", "in leaps", "not an hour", "days of a long way"],
)
def test_a_long_way_is_told_of_hour_by_hour(hours: float, move_min: int, told: int) -> None:
    lines, end = Lines(), BEGIN + timedelta(hours=hours)
    tell = tell_hours(lines, BEGIN, end)

    for minutes in range(move_min, int(hours * 60) + 1, move_min):
        tell(BEGIN + timedelta(minutes=minutes))

    assert len(lines) == told
    assert all(line.endswith(f"UTC, on the way to {end:%Y-%m-%d %H:%M}") for line in lines)


def test_commands_that_go_to_this_cloud_tell_its_time_and_others_the_real_one(run: Run, home: Path) -> None:
    cloud = process.running(home / "laptop")
    assert cloud is not None
    here = run(sys.executable, "-c", TELL_TIME)
    told_so = run(sys.executable, "-c", TELL_TIME, AWS_ENDPOINT_URL=cloud.endpoint_url)
    elsewhere = run(sys.executable, "-c", TELL_TIME, AWS_PROFILE="production")

    assert BEGIN <= datetime.fromisoformat(here.stdout.strip()) < BEGIN + timedelta(days=3)
    assert abs(
        datetime.fromisoformat(told_so.stdout.strip()) - datetime.fromisoformat(here.stdout.strip())
    ) < timedelta(minutes=1)
    assert abs(datetime.fromisoformat(elsewhere.stdout.strip()) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_replay_gives_time_to_what_only_waits_for_it_and_no_more_than_it_may(home: Path) -> None:
    cloud = process.running(home / "laptop")
    assert cloud is not None
    time = CloudTime(cloud, patience=timedelta(minutes=2))
    begin, answers = time.now() + timedelta(days=4), iter([True, True, False])

    time.reach(begin)
    time.settle(lambda: next(answers))
    settled = time.now()
    time.reach(begin)
    time.settle(lambda: True)

    assert begin + timedelta(seconds=30) <= settled < begin + timedelta(minutes=2)
    assert settled + timedelta(minutes=2) <= time.now() < settled + timedelta(minutes=4)
