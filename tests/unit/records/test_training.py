"""Decisions are named after the events that they are about."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from noriba.records.training import answers_event, name_decision

AT = datetime.fromisoformat("2026-07-04T03:05:00+00:00")


def test_a_decision_is_named_by_moment_and_event_whatever_the_clock_s_zone() -> None:
    there = datetime.fromisoformat("2026-07-04T12:05:00+09:00")

    assert name_decision("a", AT) == name_decision("a", there)
    assert name_decision("a", AT).startswith("20260704-030500-")
    assert name_decision("a", AT) != name_decision("b", AT)


@given(st.uuids().map(str), st.uuids().map(str), st.datetimes(timezones=st.timezones()))
def test_the_sender_of_an_event_knows_the_answer_by_its_name(event_id: str, other: str, at: datetime) -> None:
    assert answers_event(name_decision(event_id, at), event_id)
    assert answers_event(name_decision(event_id, at), other) == (
        name_decision(other, at) == name_decision(event_id, at)
    )
