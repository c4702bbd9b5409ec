"""What is going on, for whoever moves the clock only when nothing is: work is counted from its order to its end."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from laptop_cloud.ministack_seams import Function

Json = dict[str, Any]


class Activity:
    """Work that goes on, by name; and executions, which may wait for a moment or for an answer while they run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._tasks: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._waits: dict[str, list[Callable[[], bool]]] = {}
        self._execution: ContextVar[str] = ContextVar("execution", default="")
        self._in_task: ContextVar[bool] = ContextVar("in_task", default=False)
        self.changes = 0

    def begin(self, name: str) -> None:
        """Count one piece of work more; every `begin` needs its `end`."""
        self._count(self._counts, name, 1)

    def end(self, name: str) -> None:
        """Count one less."""
        self._count(self._counts, name, -1)

    def work(self) -> list[str]:
        """The names of the work that goes on."""
        with self._lock:
            return sorted(self._counts)

    # --- executions ---

    def around_execution(self, run: Function) -> Function:
        """Know of which execution a thread is, and those that it starts."""

        def run_known(arn: str) -> None:
            self._execution.set(arn)
            self._count(self._running, arn, 1)
            try:
                run(arn)
            finally:
                self._count(self._running, arn, -1)

        return run_known

    def executions(self) -> list[str]:
        """The ARNs of those that run, whether they wait or not; all there ever were are too many to look through."""
        with self._lock:
            return sorted(self._running)

    def around_task(self, execute: Function) -> Function:
        """Count the tasks of an execution while they run."""

        def execute_counted(*args: Any, **kwargs: Any) -> Any:
            arn = self._execution.get()
            token = self._in_task.set(True)
            self._count(self._tasks, arn, 1)
            try:
                return execute(*args, **kwargs)
            finally:
                self._count(self._tasks, arn, -1)
                self._in_task.reset(token)

        return execute_counted

    @contextmanager
    def waiting(self, is_over: Callable[[], bool]) -> Iterator[None]:
        """The current thread waits for a moment or an answer in this block; `is_over` tells that it will go on."""
        arn, in_task = self._execution.get(), self._in_task.get()
        with self._lock:
            self.changes += 1
            self._waits.setdefault(arn, []).append(is_over)
            if in_task:
                self._tasks[arn] -= 1
        try:
            yield
        finally:
            with self._lock:
                self.changes += 1
                if in_task:
                    self._tasks[arn] += 1
                self._waits[arn].remove(is_over)
                if not self._waits[arn]:
                    del self._waits[arn]

    def only_waits(self, arn: str) -> bool:
        """Does an execution do nothing but wait?"""
        with self._lock:
            waits = self._waits.get(arn, ())
            return bool(waits) and not self._tasks[arn] and not any(is_over() for is_over in waits)

    def _count(self, counter: Counter[str], name: str, by: int) -> None:
        with self._lock:
            self.changes += 1
            counter[name] += by
            if not counter[name]:
                del counter[name]


class WorkThreads:
    """Stands for `threading` in a module of MiniStack: threads that act in somebody's name are counted as work.

    Those are given a copy of the context of whoever they act for; a poller is not, and never ends.
    """

    def __init__(self, activity: Activity, name: str) -> None:
        class Thread(threading.Thread):
            counted = False

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.counted = isinstance(getattr(kwargs.get("target"), "__self__", None), Context)

            def start(self) -> None:
                if self.counted:
                    activity.begin(name)
                try:
                    super().start()
                except RuntimeError:
                    if self.counted:
                        activity.end(name)
                    raise

            def run(self) -> None:
                try:
                    super().run()
                finally:
                    if self.counted:
                        activity.end(name)

        self.Thread = Thread

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)
