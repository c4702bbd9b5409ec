"""What is due at a moment of the clock: each happens once, when the clock ticks past it or is moved past it."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

# How far ahead the thread sleeps at most: a laptop that was closed meanwhile has a clock that is behind no longer.
_LONGEST_S = 60.0


class Timers:
    """Actions by the moment when they are due, in seconds since 1970.

    Args:
        now: tells the time.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._numbers = count()
        self._due: dict[int, tuple[float, Callable[[], object]]] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="clock-timers", daemon=True)
        self._thread.start()

    @contextmanager
    def at(self, due_s: float, action: Callable[[], object]) -> Iterator[None]:
        """Do something at a moment, unless the block ends before it."""
        number = next(self._numbers)
        with self._changed:
            self._due[number] = due_s, action
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._due.pop(number, None)

    def next_due_s(self) -> float | None:
        """When the next one is due."""
        with self._changed:
            return min((due_s for due_s, _action in self._due.values()), default=None)

    def fire(self) -> None:
        """Do all that is due, in order."""
        now_s = self._now()
        with self._changed:
            over = sorted((due_s, number) for number, (due_s, _action) in self._due.items() if due_s <= now_s)
            actions = [self._due.pop(number)[1] for _due_s, number in over]
        for action in actions:
            try:
                action()
            except Exception:  # noqa: BLE001 -- one that fails must not keep the others from what is due
                _log.exception("what was due failed")

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(5.0)

    def _run(self) -> None:
        while True:
            self.fire()
            with self._changed:
                if self._stopped:
                    return
                next_s = min((due_s for due_s, _action in self._due.values()), default=None)
                left_s = _LONGEST_S if next_s is None else next_s - self._now()
                self._changed.wait(min(max(left_s, 0.0), _LONGEST_S))
