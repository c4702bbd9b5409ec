"""The retraining decision: every answer with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.monitoring.retraining import (
    Decision,
    decide_retraining,
    list_recent_starts,
    record_start,
    resume_decision,
)
from noriba.records.training import TrainingRecord
from noriba.usecase import RetrainingPolicy

POLICY = RetrainingPolicy(
    min_rows=5_000, min_new_rows_share=0.02, cooldown_s=3_600.0, max_per_day=3, lock_s=6 * 3_600.0
)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAST = TrainingRecord(
    decision_id="20260301-060000-a1b2c3",
    snapshot_id="snap-1",
    rows=10_000,
    started_at=NOW - timedelta(hours=2),
    running=False,
)


def decide(last: TrainingRecord | None = LAST, *, rows: int = 11_000, forced: bool = False) -> Decision:
    return decide_retraining(POLICY, snapshot_id="snap-2", rows=rows, last=last, now=NOW, forced=forced)


def test_enough_news_is_worth_a_training() -> None:
    assert decide() == Decision(train=True, reason="1000 new rows, 10.0% of the last training's 10000")


def test_the_first_snapshot_is_trained_on() -> None:
    assert decide(None) == Decision(train=True, reason="first training, on 11000 rows")


@pytest.mark.parametrize("last", [None, LAST])
@pytest.mark.parametrize("forced", [False, True])
def test_too_few_rows_never_train(last: TrainingRecord | None, forced: bool) -> None:
    decision = decide(last, rows=4_999, forced=forced)

    assert decision == Decision(train=False, reason="4999 rows are fewer than the 5000 that training needs")


@pytest.mark.parametrize(
    ("new_rows", "decision"),
    [
        (200, Decision(train=True, reason="200 new rows, 2.0% of the last training's 10000")),
        (199, Decision(train=False, reason="199 new rows are 2.0% of the last training's, under 2.0%")),
        (0, Decision(train=False, reason="0 new rows are 0.0% of the last training's, under 2.0%")),
        # Rows can be taken back: a repaired file replaces one that held more.
        (-3_000, Decision(train=False, reason="-3000 new rows are -30.0% of the last training's, under 2.0%")),
    ],
)
def test_a_few_new_rows_are_no_news(new_rows: int, decision: Decision) -> None:
    assert decide(rows=10_000 + new_rows) == decision


def test_a_snapshot_is_trained_on_once() -> None:
    assert decide(replace(LAST, snapshot_id="snap-2")) == Decision(train=False, reason="snap-2 was trained on already")


def test_trainings_keep_their_distance() -> None:
    last = replace(LAST, started_at=NOW - timedelta(seconds=3_599))

    assert decide(last) == Decision(train=False, reason="last training began 3599 s ago, within the cooldown of 3600 s")
    assert decide(replace(last, started_at=NOW - timedelta(seconds=3_600))).train


def test_one_training_at_a_time() -> None:
    assert decide(replace(LAST, running=True)) == Decision(
        train=False, reason="training on snap-1 has been running for 7200 s"
    )


def test_a_training_that_never_ended_is_considered_abandoned_after_the_lock_s_time() -> None:
    abandoned = replace(LAST, running=True, started_at=NOW - timedelta(hours=6))

    assert decide(abandoned).train


def test_asked_for_by_hand_old_data_train_too() -> None:
    last = replace(LAST, snapshot_id="snap-2", started_at=NOW - timedelta(seconds=1))

    assert decide(last, forced=True) == Decision(train=True, reason="asked for by hand, on 11000 rows")


def test_even_by_hand_a_running_training_is_in_the_way() -> None:
    assert decide(replace(LAST, running=True), forced=True) == Decision(
        train=False, reason="training on snap-1 has been running for 7200 s"
    )


def begin(*hours_ago: float) -> TrainingRecord:
    """A last training, which was one of several that began so long ago."""
    starts = tuple(NOW - timedelta(hours=hours) for hours in hours_ago)
    return replace(LAST, started_at=starts[-1], starts=starts)


@pytest.mark.parametrize("forced", [False, True])
def test_as_many_as_a_day_may_have_are_enough_whoever_asks(forced: bool) -> None:
    decision = decide(begin(20, 10, 2), forced=forced)

    assert (decision.train, decision.limited) == (False, True)
    assert decision.reason.startswith("3 training runs began within a day, the policy's max_per_day; else: ")
    assert decide(begin(10, 2), forced=forced).train
    assert decide(begin(24, 10, 2), forced=forced).train


def test_the_limit_is_not_what_is_in_the_way_where_there_is_no_news() -> None:
    decision = decide(begin(20, 10, 2), rows=10_001)

    assert not decision.train
    assert not decision.limited


def test_a_decision_that_was_interrupted_holds_its_lock_and_nobody_else_s() -> None:
    resumed = resume_decision(LAST, decision_id=LAST.decision_id)

    assert resumed == Decision(train=True, reason="this decision took the lock before, and was interrupted")
    assert resume_decision(LAST, decision_id="another") is None
    assert resume_decision(None, decision_id="another") is None


def test_a_record_from_before_starts_were_kept_counts_its_own() -> None:
    assert list_recent_starts(LAST, now=NOW) == (LAST.started_at,)
    assert list_recent_starts(None, now=NOW) == ()


# --- whatever the policy and the history -----------------------------------------------------------------------------

POLICIES = st.builds(
    RetrainingPolicy,
    min_rows=st.integers(1, 10**6),
    min_new_rows_share=st.floats(0.0, 2.0),
    cooldown_s=st.floats(0.0, 1e6),
    max_per_day=st.integers(1, 10),
    lock_s=st.floats(1.0, 1e6),
)
# A clock may run behind the one that recorded the start.
AGES_S = st.floats(-3_600.0, 2e6)
RECORDS = st.builds(
    lambda snapshot, rows, age_s, running: TrainingRecord(
        "decision", snapshot, rows, NOW - timedelta(seconds=age_s), running
    ),
    st.sampled_from(["snap-1", "snap-2"]),
    st.integers(1, 10**6),
    AGES_S,
    st.booleans(),
)
ROWS = st.integers(0, 10**6)


@given(POLICIES, RECORDS, ROWS, st.booleans())
def test_nothing_trains_while_a_fresh_training_runs(
    policy: RetrainingPolicy, last: TrainingRecord, rows: int, forced: bool
) -> None:
    decision = decide_retraining(policy, snapshot_id="snap-2", rows=rows, last=last, now=NOW, forced=forced)

    if last.running and (NOW - last.started_at).total_seconds() < policy.lock_s:
        assert not decision.train


@given(POLICIES, RECORDS, ROWS)
def test_by_itself_nothing_trains_twice_within_the_cooldown_or_on_one_snapshot(
    policy: RetrainingPolicy, last: TrainingRecord, rows: int
) -> None:
    decision = decide_retraining(policy, snapshot_id="snap-2", rows=rows, last=last, now=NOW)

    if decision.train:
        assert rows >= policy.min_rows
        assert last.snapshot_id != "snap-2"
        assert (NOW - last.started_at).total_seconds() >= policy.cooldown_s
        assert rows - last.rows >= policy.min_new_rows_share * last.rows * (1 - 1e-9)


@given(POLICIES, st.none() | RECORDS, ROWS, st.booleans())
def test_every_decision_has_its_reason(
    policy: RetrainingPolicy, last: TrainingRecord | None, rows: int, forced: bool
) -> None:
    decision = decide_retraining(policy, snapshot_id="snap-2", rows=rows, last=last, now=NOW, forced=forced)

    assert decision.reason
    assert decision == decide_retraining(policy, snapshot_id="snap-2", rows=rows, last=last, now=NOW, forced=forced)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0.1, 12 * 3_600), st.booleans()), min_size=5, max_size=60),
)
def test_whoever_asks_and_whenever_no_day_has_more_trainings_than_the_policy_allows(
    most: int, questions: list[tuple[float, bool]]
) -> None:
    policy = RetrainingPolicy(min_rows=1, min_new_rows_share=0.0, cooldown_s=0.0, max_per_day=most, lock_s=1.0)
    now, last, begun = NOW, None, list[datetime]()
    for number, (pause_s, forced) in enumerate(questions):
        now += timedelta(seconds=pause_s)
        decision = decide_retraining(
            policy, snapshot_id=f"snap-{number}", rows=10 + number, last=last, now=now, forced=forced
        )
        if decision.train:
            begins = record_start(
                last, decision_id=f"d-{number}", snapshot_id=f"snap-{number}", rows=10 + number, now=now
            )
            last = replace(begins, running=False)
            begun.append(now)

    for start in begun:
        assert sum(start - timedelta(days=1) < other <= start for other in begun) <= most
