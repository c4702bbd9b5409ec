"""What is due happens once: when the clock ticks past it, or is moved past it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from laptop_cloud.own_time.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW_S = 1_000.0


class Clock:
    now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timers(clock: Clock) -> Iterator[Timers]:
    made = Timers(clock)
    yield made
    made.stop()


def test_what_is_due_is_done_in_order_and_once(timers: Timers, clock: Clock) -> None:
    done: list[str] = []
    with (
        timers.at(NOW_S + 7200, lambda: done.append("second")),
        timers.at(NOW_S + 3600, lambda: done.append("first")),
        timers.at(NOW_S + 9000, lambda: done.append("third")),
    ):
        assert timers.next_due_s() == NOW_S + 3600
        clock.now_s += 7200
        timers.fire()
        timers.fire()
        assert done == ["first", "second"]
        assert timers.next_due_s() == NOW_S + 9000
    clock.now_s += 7200
    timers.fire()

    assert done == ["first", "second"], "what was given up is not done"
    assert timers.next_due_s() is None


def test_one_that_fails_does_not_keep_the_others(timers: Timers, clock: Clock) -> None:
    done = threading.Event()
    with timers.at(NOW_S + 1, lambda: 1 / 0), timers.at(NOW_S + 2, done.set):
        clock.now_s += 2
        timers.fire()

    assert done.is_set()


def test_what_is_due_already_is_done_without_a_move(timers: Timers) -> None:
    done = threading.Event()
    with timers.at(NOW_S, done.set):
        assert done.wait(10)
