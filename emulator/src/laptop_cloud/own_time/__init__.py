"""A cloud with a clock of its own, which ticks as real time does and may be moved forward.

This process and all that it starts have entered the clock, so every record tells its time. What is here makes happen
what falls due when it is moved, and knows what is going on. A cloud without such a clock installs none of it.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions import alarms, execution_timeouts
from laptop_cloud.ministack_seams import Seam, in_scope, reach, replace, wrap
from laptop_cloud.own_time.activity import Activity, WorkThreads
from laptop_cloud.own_time.deliveries import find_deliveries
from laptop_cloud.own_time.real_time import RealTime
from laptop_cloud.own_time.scheduled_rules import ScheduledRules
from laptop_cloud.own_time.timers import Timers
from laptop_cloud.own_time.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.shared_clock import SharedClock

_log = logging.getLogger(__name__)

Json = dict[str, Any]


class OwnTime:
    """The clock of this cloud, and what hangs on it.

    Args:
        clock: that this process has entered.
    """

    def __init__(self, clock: SharedClock) -> None:
        self._clock = clock
        self._moving = threading.Lock()
        self.timers = Timers()
        self._activity = Activity()
        self._rules = ScheduledRules()
        self._prompts: list[Callable[[], object]] = []
        self._gauges: list[Callable[[], object]] = []
        self._finders: list[Callable[[], list[str]]] = [self._activity.work, self._find_executions, find_deliveries]

    def install(self) -> None:
        """Let MiniStack wait and work by the clock."""
        self._rules.install()
        Waits(self.timers, self._activity).install()
        for seam, name in (
            (Seam.LAMBDA_THREADS, "asynchronous invocation"),
            (Seam.S3_THREADS, "notification of S3"),
            (Seam.SNS_THREADS, "delivery of SNS"),
        ):
            replace(seam, WorkThreads(self._activity, name))
        wrap(Seam.RUN_FUNCTION, self._counted_invocation)
        # How long a process has been idle, and how long it may take, is no matter of the clock.
        replace(Seam.WORKER_TIME, RealTime())
        # Functions sign by the clock, people and tools by the world's: no signature is too old, and none too new.
        replace(Seam.SIGNATURE_AGE, _accept_any_age)

    def prompt(self, do_now: Callable[[], object]) -> None:
        """Have what is done now and then done at once, whenever it matters whether anything is going on."""
        self._prompts.append(do_now)

    def repeat(self, publish: Callable[[], object]) -> None:
        """Have what AWS publishes every minute published wherever alarms are looked at."""
        self._gauges.append(publish)

    def ask(self, find_work: Callable[[], list[str]]) -> None:
        """Ask someone else, too, what is going on."""
        self._finders.append(find_work)

    def stop(self) -> None:
        """End its thread."""
        self.timers.stop()

    # --- the clock ---

    def move_to(self, moment: datetime) -> None:
        """Move the clock, and start what falls due on the way; returns when all of it is started.

        Raises:
            ClockError: the moment is over already.
        """
        with self._moving:
            self._pass_alarms(moment)
            self._clock.move_to(moment)
            self.timers.fire()
            execution_timeouts.end_overdue()
            self._rules.fire()
            self._evaluate_alarms()

    def describe(self) -> Json:
        """What the clock tells, and when the next thing is due that is known already."""
        now_s = time.time()
        due = (
            self.timers.next_due_s(),
            self._rules.next_due_s(),
            execution_timeouts.next_due_s(),
            alarms.find_next_change_s(),
        )
        next_due_s = min((one for one in due if one is not None), default=None)
        return {"now": _iso(now_s), "next_due": None if next_due_s is None else _iso(max(now_s, next_due_s))}

    def _pass_alarms(self, until: datetime) -> None:
        """Let each alarm go through its states on the way: data that are old in the end were not when they came."""
        while (change_s := alarms.find_next_change_s()) is not None and change_s < until.timestamp():
            self._clock.move_to(datetime.fromtimestamp(max(change_s, time.time()), UTC))
            self._evaluate_alarms()

    def _evaluate_alarms(self) -> None:
        for publish in self._gauges:
            publish()
        try:
            alarms.evaluate_all()
        except Exception:  # noqa: BLE001 -- an alarm that cannot be evaluated must not hold up time
            _log.exception("the alarms could not be evaluated")

    # --- what is going on ---

    def describe_activity(self) -> Json:
        """What is going on, and a number that changes with every beginning and end."""
        for do_now in self._prompts:
            do_now()
        busy = [name for find_work in self._finders for name in find_work()]
        return {"busy": busy, "changes": self._activity.changes}

    def _find_executions(self) -> list[str]:
        return [
            f"execution {arn.rpartition(':execution:')[2]}"
            for arn in self._activity.executions()
            if _goes_on(arn) and not self._activity.only_waits(arn)
        ]

    def _counted_invocation(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def run_counted(function: Json, config: Json, *args: Any) -> Any:
            name = f"function {config['FunctionName']}"
            self._activity.begin(name)
            try:
                return run(function, config, *args)
            finally:
                self._activity.end(name)

        return run_counted


def _accept_any_age(signature: object, **_: object) -> None:
    del signature


def _goes_on(arn: str) -> bool:
    """Whether an execution was not ended from outside; a child of a Distributed Map lives within its parent."""
    region, account = arn.split(":")[3:5]
    with in_scope(account, region):
        execution = reach(Seam.EXECUTIONS).get(arn)
    return execution is not None and execution["status"] == "RUNNING" and "mapRunArn" not in execution


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat()
