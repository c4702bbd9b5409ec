"""Alarms that stand and have had no training: what asks besides whatever has just happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from noriba.events import AlarmFacts
    from noriba.monitoring.causes import Question
    from noriba.records.training import TrainingRecord
    from noriba.usecase import RetrainingPolicy

ONE_EVENT = timedelta(minutes=15)
"""Alarms that go off so long after a training began are about what it was begun for: alarms look at past minutes."""


def join_pending_alarm(
    question: Question,
    alarms: Iterable[AlarmFacts],
    last: TrainingRecord | None,
    policy: RetrainingPolicy,
    *,
    champion_since: datetime | None,
    now: datetime,
) -> Question:
    """The question, asked for an alarm too that stands and was put off before; a person's is theirs alone."""
    if question.asker != "data":
        return question
    alarm = find_pending(alarms, last, policy, champion_since=champion_since, now=now)
    return question if alarm is None else replace(question, asker="alarm", alarm=alarm)


def find_pending(
    alarms: Iterable[AlarmFacts],
    last: TrainingRecord | None,
    policy: RetrainingPolicy,
    *,
    champion_since: datetime | None,
    now: datetime,
) -> AlarmFacts | None:
    """The first alarm that still stands and has had no training.

    An alarm has had its training when one has begun since it went off, or shortly before, unless that one failed. If it
    still stands some time later, that training has not mended it: rows of the changed world may have come only since,
    or the candidate was not good enough.

    One that went off before the champion took over is about the model that it replaced, and stands until there is a
    verdict on the new one: it is answered for as long, too.

    Args:
        alarms: in their latest states.
        last: the latest training run.
        policy: says how long an answer holds.
        champion_since: when the model in production took over, where that is known.
        now: the time of the question.
    """
    for alarm in alarms:
        if alarm.state == "ALARM" and not any(
            (now - answer).total_seconds() < policy.alarm_again_s
            for answer in _list_answers(alarm, last, champion_since)
        ):
            return alarm
    return None


def _list_answers(
    alarm: AlarmFacts, last: TrainingRecord | None, champion_since: datetime | None
) -> Iterator[datetime]:
    """When something was done about an alarm that may have mended it."""
    if last is not None and not last.failed and last.started_at + ONE_EVENT >= alarm.changed_at:
        yield last.started_at
    if champion_since is not None and champion_since >= alarm.changed_at:
        yield champion_since
