"""An alarm asks until a training has begun for it, and again where that has not mended it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from noriba.events import AlarmFacts
from noriba.monitoring.causes import Question
from noriba.monitoring.pending_alarms import find_pending, join_pending_alarm
from tests.unit.monitoring.trainings import LAST, NOW, POLICY

if TYPE_CHECKING:
    from noriba.monitoring.causes import Asker
    from noriba.records.training import TrainingRecord


def go_off(hours_ago: float, *, name: str = "error", state: Literal["ALARM", "OK"] = "ALARM") -> AlarmFacts:
    changed_at = NOW - timedelta(hours=hours_ago)
    return AlarmFacts(name=name, state=state, reason="r", changed_at=changed_at, metric=None, dimensions={})


def pending(
    alarms: list[AlarmFacts], last: TrainingRecord | None, *, hours: float = 0.0, champion_since: datetime | None = None
) -> AlarmFacts | None:
    return find_pending(alarms, last, POLICY, champion_since=champion_since, now=NOW + timedelta(hours=hours))


def test_an_alarm_that_stands_a_day_after_its_training_asks_again() -> None:
    """Rows of the changed world may have come only since, or the candidate was not good enough."""
    assert pending([go_off(3)], LAST, hours=21) is None
    assert pending([go_off(3)], LAST, hours=23) == go_off(3)


def test_an_alarm_about_the_model_before_waits_for_a_verdict_on_the_champion() -> None:
    """Its training began more than a day ago; the candidate has taken over since, and the alarm stands on."""
    took_over = NOW + timedelta(hours=30)

    assert pending([go_off(3)], LAST, hours=31, champion_since=took_over) is None
    assert pending([go_off(3)], LAST, hours=53, champion_since=took_over) is None
    assert pending([go_off(3)], LAST, hours=54, champion_since=took_over) == go_off(3)
    assert pending([go_off(3)], replace(LAST, failed=True), hours=31, champion_since=took_over) is None
    # About this champion itself.
    assert pending([go_off(-31)], LAST, hours=32, champion_since=took_over) == go_off(-31)


def test_an_alarm_is_pending_until_a_training_has_begun_for_it() -> None:
    """`LAST` began two hours ago."""
    assert pending([], LAST) is None
    assert pending([go_off(1)], None) == go_off(1)
    assert pending([go_off(1)], LAST) == go_off(1)
    assert pending([go_off(1, state="OK")], LAST) is None
    assert pending([go_off(3)], LAST) is None
    assert pending([go_off(3)], replace(LAST, failed=True)) == go_off(3)


def test_ten_alarms_of_one_event_have_had_their_training_when_the_first_has() -> None:
    burst = [go_off(2 - minutes / 60, name=f"alarm {minutes}") for minutes in range(10)]

    assert pending(burst, LAST) is None
    assert pending([*burst, go_off(1.5, name="much later")], LAST) == go_off(1.5, name="much later")


def join(question: Question, alarms: list[AlarmFacts]) -> Question:
    return join_pending_alarm(question, alarms, LAST, POLICY, champion_since=None, now=NOW)


def test_new_data_ask_for_an_alarm_too_that_was_put_off() -> None:
    question = Question("decision", "Dataset snapshot created", "data")

    assert join(question, [go_off(1)]) == replace(question, asker="alarm", alarm=go_off(1))
    assert join(question, [go_off(3)]) == question
    assert join(question, []) == question


@pytest.mark.parametrize("asker", ["alarm", "person"])
def test_whoever_asks_for_a_reason_of_their_own_asks_for_no_other(asker: Asker) -> None:
    question = Question("decision", "cause", asker, go_off(0.5, name="own") if asker == "alarm" else None)

    assert join(question, [go_off(1)]) == question
