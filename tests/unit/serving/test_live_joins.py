"""Outcomes joined to what was asked, whatever comes first, and however often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.events import OutcomeObserved
from noriba.features import as_column
from noriba.features.decayed import number_groups
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer
from noriba.records.live import LiveState
from noriba.serving import live_joins
from noriba.serving.live_joins import WAIT_S, Counted, LiveJoins, LiveWork, read_look
from tests.unit.training.deliveries import INPUTS
from tests.unit.training.traffic import LIVE, USE_CASE, make_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2023, 11, 15, 12, tzinfo=UTC)
COLUMNS = make_rows(12)
COLUMNS["sent_at_s"] = as_column(NOW.timestamp() - 3_600.0 + 100.0 * np.arange(12.0))
COLUMNS["hour"] = np.full(12, 11.0)
ANSWER = ModelAnswer((1.0,), (2.0,), (3.0,), 0.8, "digest")


def ask(number: int, **changes: Any) -> CapturedAnswer:
    """A request of one row, as it was captured."""
    inputs = {name: (float(COLUMNS[name][number]),) for name in INPUTS} | dict.fromkeys(LIVE.names, (None,))
    at = datetime.fromtimestamp(COLUMNS["sent_at_s"][number], UTC)
    return replace(CapturedAnswer(f"p{number}", at, (None,), ANSWER, inputs=inputs), **changes)


def observe(number: int, **changes: object) -> OutcomeObserved:
    """How long it took."""
    ends_s = COLUMNS["sent_at_s"][number] + COLUMNS["duration_s"][number]
    said = {
        "use_case": "deliveries",
        "prediction_id": f"p{number}",
        "value": float(COLUMNS["duration_s"][number]),
        "observed_at": datetime.fromtimestamp(ends_s, UTC),
    }
    return OutcomeObserved.model_validate({**said, **changes})


def look(
    work: LiveWork, asked: Sequence[CapturedAnswer], heard: Sequence[OutcomeObserved], *, now: datetime = NOW
) -> tuple[LiveWork, Counted]:
    joins = LiveJoins(USE_CASE, LIVE, work)
    joins.add_answers(asked)
    joins.add_outcomes(heard, now_s=now.timestamp())
    kept = joins.finish(looked_at=now, read=["key"])
    return LiveWork.from_bytes(kept.to_bytes()), joins.counted


def begin() -> LiveWork:
    return LiveWork(looked_at=NOW - timedelta(hours=1))


def expect(numbers: Sequence[int]) -> LiveState:
    """The state that has heard of these rows, each once."""
    columns = {**COLUMNS, **USE_CASE.features.compute(COLUMNS)}
    state = LiveState(LIVE)
    groups = [number_groups([columns[key] for key in mean.keys], rows=12) for mean in LIVE.means]
    for number in numbers:
        pace = np.log(COLUMNS["duration_s"][number]) - np.log(COLUMNS["metres"][number] + 500.0)
        ends_s = min(COLUMNS["sent_at_s"][number] + COLUMNS["duration_s"][number], NOW.timestamp())
        state.add(ends_s, [group[number] for group in groups], float(pace))
    return state


def read(state: LiveState) -> list[float]:
    found: list[float] = []
    for area in range(8):
        found += state.read(NOW.timestamp(), [(), (float(area),), (float(area), 11.0)])
    return found


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_outcome_counts_once_in_whatever_order_things_come_and_however_often(data: st.DataObject) -> None:
    reported = data.draw(st.lists(st.integers(0, 11), unique=True))
    things = [("asked", number) for number in range(12)] + [("heard", number) for number in reported]
    again = data.draw(st.lists(st.sampled_from(things), max_size=10))
    stream = data.draw(st.permutations([*things, *again]))
    work, total = begin(), 0

    while stream:
        size = data.draw(st.integers(1, len(stream)))
        some, stream = stream[:size], stream[size:]
        asked = [ask(number) for kind, number in some if kind == "asked"]
        heard = [observe(number) for kind, number in some if kind == "heard"]
        work, counted = look(work, asked, heard)
        total += counted.outcomes

    assert total == len(reported)
    found = LiveState.from_json(work.state, LIVE)
    np.testing.assert_allclose(read(found), read(expect(reported)), rtol=0.0, atol=1e-9)


def test_the_candidate_that_drove_is_the_one_that_counts() -> None:
    inputs = {name: (float(COLUMNS[name][1]), float(COLUMNS[name][2])) for name in INPUTS}
    two = ask(1, inputs=inputs, candidate_ids=("near", "far"))

    work, counted = look(begin(), [two], [observe(2, prediction_id="p1", candidate_id="far")])

    assert counted == Counted(outcomes=1)
    np.testing.assert_allclose(read(LiveState.from_json(work.state, LIVE)), read(expect([2])), atol=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {"candidate_id": "nobody"},
        {"observed_at": NOW - timedelta(hours=3)},
    ],
)
def test_what_cannot_be_is_counted_and_not_believed(changes: dict[str, object]) -> None:
    work, counted = look(begin(), [ask(3)], [observe(3, **changes)])

    assert counted == Counted(outcomes=0, impossible=1)
    assert LiveState.from_json(work.state, LIVE).is_stale(NOW.timestamp())


def test_a_clock_that_is_ahead_makes_no_future() -> None:
    work, _counted = look(begin(), [ask(3)], [observe(3, observed_at=NOW + timedelta(minutes=4))])

    [row] = LiveState.from_json(work.state, LIVE).to_json().split('"live_all":')[1:]
    assert f"[{NOW.timestamp()!r}," in row


def test_a_request_that_was_captured_without_its_inputs_is_left_alone() -> None:
    work, counted = look(begin(), [ask(3, inputs={})], [observe(3)])

    assert counted.outcomes == 0
    assert not work.asked


def test_what_waits_too_long_is_given_up() -> None:
    work, _counted = look(begin(), [ask(3)], [observe(4)])
    assert (set(work.asked), set(work.heard)) == ({"p3"}, {"p4"})

    work, _counted = look(work, [], [], now=NOW + timedelta(seconds=WAIT_S + 1))

    assert (work.asked, work.heard) == ({}, {})


def test_of_too_many_the_same_ones_wait_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_joins, "MOST_ROWS", 4)

    at_once, _counted = look(begin(), [ask(number) for number in range(12)], [])
    one_by_one = begin()
    for number in range(12):
        one_by_one, _counted = look(one_by_one, [ask(number)], [])

    assert set(at_once.asked) == set(one_by_one.asked)
    assert len(at_once.asked) == 4


def test_work_says_in_its_first_line_when_somebody_looked() -> None:
    work, _counted = look(begin(), [ask(3)], [])

    assert read_look(work.to_bytes()) == NOW
    assert work.read == ["key"]


def test_a_state_of_another_version_begins_anew() -> None:
    work = LiveWork(looked_at=NOW, state='{"form": 0}')

    assert LiveJoins(USE_CASE, LIVE, work).state.is_stale(NOW.timestamp())
