"""Scheduled rules of EventBridge by the clock: at the very moments of their schedule, whenever they are looked at.

MiniStack looks every ten seconds and counts the next interval from that look, so an hourly rule falls behind. Here a
rate is counted from the rule's creation, as on AWS:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rate-expressions.html
A rule that the clock was moved past several times fires once, with the latest of its moments as the event's time: so
does a computer's schedule that slept. Who wants each of them moves the clock from one to the next.
"""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from laptop_cloud.ministack_seams import Seam, all_records, in_scope, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
_Key = tuple[str, str, str]


class Schedule(NamedTuple):
    """A rule's schedule, and the moment up to which it is done."""

    expression: str
    done_s: float

    def next_due_s(self) -> float | None:
        """Its next moment, in seconds since 1970; None where none follows."""
        interval_s: int | None = reach(Seam.RATE_SECONDS)(self.expression)
        if interval_s is not None:
            return self.done_s + interval_s
        fields = reach(Seam.CRON_FIELDS)(self.expression)
        if fields is None:
            return None
        moment: datetime | None = reach(Seam.NEXT_CRON)(fields, datetime.fromtimestamp(self.done_s, UTC))
        return None if moment is None else moment.timestamp()

    def latest_due_s(self, now_s: float) -> float | None:
        """The last moment of the schedule that is not after now; None when there was none."""
        due_s = self.next_due_s()
        if due_s is None or due_s > now_s:
            return None
        interval_s: int | None = reach(Seam.RATE_SECONDS)(self.expression)
        if interval_s is not None:
            return due_s + (now_s - due_s) // interval_s * interval_s
        latest_s: float = due_s
        while (later_s := Schedule(self.expression, latest_s).next_due_s()) is not None and later_s <= now_s:
            latest_s = later_s
        return latest_s


class ScheduledRules:
    """The schedules of all rules."""

    def __init__(self) -> None:
        self._schedules: dict[_Key, Schedule] = {}
        self._lock = threading.Lock()

    def install(self) -> None:
        """Take MiniStack's place."""
        wrap(Seam.TICK_RULES, lambda _original: self.fire)

    def fire(self) -> None:
        """Start what the rules that are due set off."""
        now_s = time.time()
        with self._lock:
            due = []
            for key, rule in self._find_enabled():
                schedule = self._schedules[key]
                due_s = schedule.latest_due_s(now_s)
                if due_s is not None:
                    self._schedules[key] = schedule._replace(done_s=due_s)
                    due.append((due_s, key, rule))
        for due_s, (account, region, name), rule in sorted(due, key=lambda one: one[0]):
            with in_scope(account, region):
                _send(rule, reach(Seam.RULE_TARGETS).get(name) or (), due_s, account, region)

    def next_due_s(self) -> float | None:
        """When the next one is due."""
        with self._lock:
            found = [self._schedules[key].next_due_s() for key, _rule in self._find_enabled()]
        return min((due_s for due_s in found if due_s is not None), default=None)

    def _find_enabled(self) -> Iterator[tuple[_Key, Json]]:
        """The rules with a schedule; while one is disabled, what it would have done is done."""
        now_s = time.time()
        known, self._schedules = self._schedules, {}
        for account, region, name, rule in all_records(Seam.RULES):
            expression = rule.get("ScheduleExpression")
            if not expression:
                continue
            key = account, region, name
            schedule = known.get(key) or Schedule(expression, float(rule.get("CreationTime", now_s)))
            enabled = rule.get("State") == "ENABLED"
            if not enabled or schedule.expression != expression:
                schedule = Schedule(expression, now_s)
            self._schedules[key] = schedule
            if enabled:
                yield key, rule


def _send(rule: Json, targets: Any, due_s: float, account: str, region: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-scheduled.html."""
    event = {
        "EventId": str(uuid.uuid4()),
        "Source": "aws.events",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "EventBusName": rule.get("EventBusName", "default"),
        "Time": due_s,
        "Resources": [rule["Arn"]],
        "Account": account,
        "Region": region,
    }
    view = reach(Seam.EVENT_VIEW)(event)
    for target in targets:
        reach(Seam.INVOKE_TARGET)(target, event, rule, view)
