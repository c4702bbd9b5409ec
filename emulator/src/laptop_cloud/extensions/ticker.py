"""A background thread that does one piece of work again and again."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Ticker:
    """Does work every `every_s` seconds, and sooner when woken, but never more often than every `pause_s` seconds.

    A failure is logged and does not end the thread; `stop` waits for work in progress. The work is never done by two
    threads at once.
    """

    def __init__(self, name: str, work: Callable[[], None], *, every_s: float, pause_s: float = 0.2) -> None:
        self._work = work
        self._every_s = every_s
        self._pause_s = pause_s
        self._wake = threading.Event()
        self._working = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Do the work soon; calls in quick succession are answered by one."""
        self._wake.set()

    def work_now(self) -> None:
        """Do the work at once, on this thread."""
        with self._working:
            self._work()

    def work_if_woken(self) -> None:
        """Do at once what it was woken for, on this thread; nothing when that is done."""
        with self._working:
            if self._wake.is_set():
                self._wake.clear()
                self._work()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread."""
        self._stopped = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._every_s)
            if self._stopped:
                return
            try:
                with self._working:
                    self._wake.clear()
                    self._work()
            except Exception:  # noqa: BLE001 -- whatever went wrong once, the next round is due
                _log.exception("%s failed; it is tried again", self._thread.name)
            time.sleep(self._pause_s)
