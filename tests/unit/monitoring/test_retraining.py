"""The retraining decision: every answer with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.events import DataFacts
from noriba.monitoring.retraining import (
    Decision,
    Situation,
    choose_snapshot,
    count_failures,
    decide_retraining,
    list_recent_starts,
    measure_back_off_s,
    record_start,
    resume_decision,
)
from noriba.records.training import TrainingRecord
from noriba.usecase import RetrainingPolicy
from tests.unit.monitoring.trainings import LAST, NOW, POLICY

if TYPE_CHECKING:
    from noriba.monitoring.causes import Asker

ASKERS: tuple[Asker, ...] = ("data", "alarm", "person")


def describe_data(rows: int = 11_000, *, snapshot_id: str = "snap-2", later_rows: int = 0, bad: int = 0) -> DataFacts:
    """A snapshot beside `LAST`; of a thousand rows that landed since, some are bad."""
    return DataFacts(
        snapshot_id=snapshot_id,
        rows=rows,
        new_rows=rows - LAST.rows,
        later_rows=later_rows,
        later_days=1.0 if later_rows else 0.0,
        landed_rows=1_000,
        landed_quarantined=bad,
    )


def decide(last: TrainingRecord | None = LAST, *, rows: int = 11_000, asker: Asker = "data") -> Decision:
    return decide_retraining(POLICY, Situation(asker, describe_data(rows), last), now=NOW)


def start(reason: str) -> Decision:
    return Decision("start", reason)


def test_enough_news_is_worth_a_training() -> None:
    assert decide() == start("1000 new rows, 10.0% of the last training's 10000")


def test_the_first_snapshot_is_trained_on() -> None:
    assert decide(None) == start("first training, on 11000 rows")


@pytest.mark.parametrize("last", [None, LAST])
@pytest.mark.parametrize("asker", ASKERS)
def test_too_few_rows_never_train(last: TrainingRecord | None, asker: Asker) -> None:
    decision = decide(last, rows=4_999, asker=asker)

    assert decision == Decision(
        "too_few_rows", "4999 rows are fewer than the 5000 that training needs; give more files"
    )


@pytest.mark.parametrize(
    ("new_rows", "decision"),
    [
        (200, start("200 new rows, 2.0% of the last training's 10000")),
        (199, Decision("too_little_news", "199 new rows are 2.0% of the last training's, under 2.0%")),
        (0, Decision("too_little_news", "0 new rows are 0.0% of the last training's, under 2.0%")),
        # Rows can be taken back: a repaired file replaces one that held more.
        (-3_000, Decision("too_little_news", "-3000 new rows are -30.0% of the last training's, under 2.0%")),
    ],
)
def test_a_few_new_rows_are_no_news(new_rows: int, decision: Decision) -> None:
    assert decide(rows=10_000 + new_rows) == decision


def test_a_snapshot_is_trained_on_once() -> None:
    assert decide(replace(LAST, snapshot_id="snap-2")) == Decision("same_snapshot", "snap-2 was trained on already")


def test_what_the_champion_learned_from_teaches_nothing_new() -> None:
    """An older state of the data has come back, and a candidate between was refused."""
    back = Situation("data", describe_data(), LAST, champion_snapshot_id="snap-2")

    decision = decide_retraining(POLICY, back, now=NOW)

    assert decision == Decision("same_snapshot", "snap-2 is what the champion learned from")
    assert decide_retraining(POLICY, replace(back, asker="person"), now=NOW).train
    assert decide_retraining(POLICY, replace(back, champion_snapshot_id="snap-1"), now=NOW).train


def test_trainings_keep_their_distance() -> None:
    last = replace(LAST, started_at=NOW - timedelta(seconds=3_599))

    assert decide(last) == Decision("cooldown", "last training began 3599 s ago, within the cooldown of 3600 s")
    assert decide(replace(last, started_at=NOW - timedelta(seconds=3_600))).train


def test_one_training_at_a_time() -> None:
    assert decide(replace(LAST, running=True)) == Decision("running", "training on snap-1 has been running for 7200 s")


def test_a_training_that_never_ended_is_considered_abandoned_after_the_lock_s_time() -> None:
    abandoned = replace(LAST, running=True, started_at=NOW - timedelta(hours=6))

    assert decide(abandoned).train


def test_asked_for_by_hand_old_data_train_too() -> None:
    last = replace(LAST, snapshot_id="snap-2", started_at=NOW - timedelta(seconds=1))

    assert decide(last, asker="person") == start("asked for by hand, on 11000 rows")


def test_even_by_hand_a_running_training_is_in_the_way() -> None:
    assert decide(replace(LAST, running=True), asker="person") == Decision(
        "running", "training on snap-1 has been running for 7200 s"
    )


def begin(*hours_ago: float) -> TrainingRecord:
    """A last training, which was one of several that began so long ago."""
    starts = tuple(NOW - timedelta(hours=hours) for hours in hours_ago)
    return replace(LAST, started_at=starts[-1], starts=starts)


@pytest.mark.parametrize("asker", ASKERS)
def test_as_many_as_a_day_may_have_are_enough_whoever_asks(asker: Asker) -> None:
    decision = decide(begin(20, 10, 2), asker=asker)

    assert (decision.train, decision.limited) == (False, True)
    assert decision.reason.startswith("3 training runs began within a day, the policy's max_per_day; else: ")
    assert decide(begin(10, 2), asker=asker).train
    assert decide(begin(24, 10, 2), asker=asker).train


def test_the_limit_is_not_what_is_in_the_way_where_there_is_no_news() -> None:
    decision = decide(begin(20, 10, 2), rows=10_001)

    assert not decision.train
    assert not decision.limited


def test_a_decision_that_was_interrupted_holds_its_lock_and_nobody_else_s() -> None:
    resumed = resume_decision(LAST, decision_id=LAST.decision_id)

    assert resumed == Decision("start", "this decision took the lock before, and was interrupted")
    assert resume_decision(LAST, decision_id="another") is None
    assert resume_decision(None, decision_id="another") is None


def test_a_decision_that_was_interrupted_is_about_the_snapshot_that_it_weighed() -> None:
    assert choose_snapshot(LAST, "snap-2", decision_id=LAST.decision_id) == "snap-1"
    assert choose_snapshot(LAST, "snap-2", decision_id="another") == "snap-2"
    assert choose_snapshot(None, "snap-2", decision_id="another") == "snap-2"
    assert choose_snapshot(None, None, decision_id="another") is None


def test_a_record_from_before_starts_were_kept_counts_its_own() -> None:
    assert list_recent_starts(LAST, now=NOW) == (LAST.started_at,)
    assert list_recent_starts(None, now=NOW) == ()


# --- what is in the way of whoever has not decided to train all the same ---------------------------------------------


@pytest.mark.parametrize("last", [None, LAST])
@pytest.mark.parametrize("asker", ["data", "alarm"])
def test_while_a_challenger_is_rolled_out_there_is_no_other(last: TrainingRecord | None, asker: Asker) -> None:
    meanwhile = Situation(asker, describe_data(later_rows=1_000), last, rolling_out=True)

    assert decide_retraining(POLICY, meanwhile, now=NOW).outcome == "rollout_in_progress"
    assert decide_retraining(POLICY, replace(meanwhile, asker="person"), now=NOW).train
    assert decide_retraining(POLICY, replace(meanwhile, rolling_out=False), now=NOW).train


@pytest.mark.parametrize("last", [None, LAST])
@pytest.mark.parametrize("asker", ["data", "alarm"])
def test_a_burst_of_garbage_does_not_train(last: TrainingRecord | None, asker: Asker) -> None:
    situation = Situation(asker, describe_data(later_rows=1_000, bad=301), last)

    decision = decide_retraining(POLICY, situation, now=NOW)

    assert decision.outcome == "bad_data"
    assert decision.reason.startswith("301 of 1000 rows that landed since the last training are in quarantine, 30.1%")
    assert "noriba datasets snap-2" in decision.reason
    assert decide_retraining(POLICY, replace(situation, asker="person"), now=NOW).train
    assert decide_retraining(POLICY, replace(situation, data=describe_data(later_rows=9, bad=300)), now=NOW).train


# --- alarms ----------------------------------------------------------------------------------------------------------


def ask_on_alarm(*, last: TrainingRecord = LAST, snapshot_id: str = "snap-2", later_rows: int = 0) -> Decision:
    """A hundredth of new rows: too little news for anybody else."""
    data = describe_data(10_100, snapshot_id=snapshot_id, later_rows=later_rows)
    return decide_retraining(POLICY, Situation("alarm", data, last), now=NOW)


def test_an_alarm_asks_for_later_rows_and_not_for_many() -> None:
    assert ask_on_alarm(later_rows=1) == start("an alarm stands, and 1 rows are later than the last training's")
    assert decide(rows=10_100).outcome == "too_little_news"


def test_an_alarm_without_later_rows_has_nothing_to_learn_from() -> None:
    decision = ask_on_alarm(later_rows=0)

    assert decision.outcome == "too_little_news"
    assert "0 rows are later than the last training's, under 1" in decision.reason


def test_an_alarm_waits_for_the_cooldown_and_trains_no_snapshot_twice() -> None:
    just_now = replace(LAST, started_at=NOW - timedelta(seconds=10))

    assert ask_on_alarm(last=just_now, later_rows=9).outcome == "cooldown"
    assert ask_on_alarm(snapshot_id="snap-1", later_rows=9).outcome == "same_snapshot"


# --- failures --------------------------------------------------------------------------------------------------------

FAILED = replace(LAST, failed=True)


def test_each_failure_in_a_row_doubles_the_wait_and_a_success_ends_the_row() -> None:
    assert [measure_back_off_s(POLICY, failures) for failures in range(4)] == [3_600.0, 7_200.0, 14_400.0, 28_800.0]
    assert measure_back_off_s(POLICY, 5) == measure_back_off_s(POLICY, 10**9) == POLICY.max_back_off_s
    last: TrainingRecord | None = None
    for failures in range(3):
        last = record_start(last, decision_id="d", data=describe_data(), now=NOW)
        assert last.failures == failures
        last = replace(last, running=False, failed=True)
        assert last.failures == failures + 1
    last = replace(record_start(last, decision_id="d", data=describe_data(), now=NOW), running=False)
    assert last.failures == 0
    assert record_start(last, decision_id="d", data=describe_data(), now=NOW).failed_before == 0


def test_a_run_that_never_ended_has_failed() -> None:
    assert count_failures(replace(LAST, running=True)) == 1
    assert record_start(replace(LAST, running=True), decision_id="d", data=describe_data(), now=NOW).failed_before == 1


@pytest.mark.parametrize("asker", ["data", "alarm"])
def test_after_failures_nobody_but_a_person_trains_before_the_wait_is_over(asker: Asker) -> None:
    again = replace(FAILED, failed_before=1)  # twice: four hours

    decision = decide(again, asker=asker)

    assert decision.outcome == "back_off"
    assert decision.reason.startswith("2 training runs in a row failed, the last began 7200 s ago")
    assert "after 14400 s" in decision.reason
    assert decide(replace(again, started_at=NOW - timedelta(hours=4)), asker=asker).train
    assert decide(again, asker="person").train


def test_after_a_failure_an_alarm_tries_the_same_rows_again_and_new_data_new_ones() -> None:
    assert ask_on_alarm(last=FAILED, snapshot_id="snap-1") == start(
        "an alarm stands, and the last training failed, on 10000 rows"
    )
    assert decide(FAILED).train
    same = Situation("data", describe_data(snapshot_id="snap-1"), FAILED)
    assert decide_retraining(POLICY, same, now=NOW) == Decision(
        "same_snapshot", "snap-1 was trained on already, and failed"
    )


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
    lambda snapshot, rows, age_s, running, failed, before: TrainingRecord(
        "decision", snapshot, rows, NOW - timedelta(seconds=age_s), running, failed=failed, failed_before=before
    ),
    st.sampled_from(["snap-1", "snap-2"]),
    st.integers(1, 10**6),
    AGES_S,
    st.booleans(),
    st.booleans(),
    st.integers(0, 2000),
)
COUNTS = st.integers(0, 10**6)
DATA = st.builds(
    lambda rows, new_rows, later_rows, landed, bad: DataFacts(
        snapshot_id="snap-2",
        rows=rows,
        new_rows=new_rows,
        later_rows=later_rows,
        later_days=0.0,
        landed_rows=landed,
        landed_quarantined=min(bad, landed),
    ),
    COUNTS,
    st.integers(-(10**6), 10**6),
    COUNTS,
    COUNTS,
    COUNTS,
)
SITUATIONS = st.builds(
    Situation,
    st.sampled_from(ASKERS),
    DATA,
    st.none() | RECORDS,
    st.sampled_from([None, "snap-1", "snap-2"]),
    st.booleans(),
)


@given(POLICIES, SITUATIONS)
def test_nothing_trains_while_a_fresh_training_runs(policy: RetrainingPolicy, situation: Situation) -> None:
    decision = decide_retraining(policy, situation, now=NOW)

    last = situation.last
    if last is not None and last.running and (NOW - last.started_at).total_seconds() < policy.lock_s:
        assert decision.outcome in {"running", "too_few_rows"}


@given(POLICIES, SITUATIONS)
def test_by_itself_nothing_trains_against_the_policy(policy: RetrainingPolicy, situation: Situation) -> None:
    decision, data, last = decide_retraining(policy, situation, now=NOW), situation.data, situation.last

    if decision.train and situation.asker != "person":
        assert data.rows >= policy.min_rows
        assert not situation.rolling_out
        assert data.landed_quarantined <= policy.max_quarantined_share * data.landed_rows * (1 + 1e-9)
    if decision.train and situation.asker != "person" and last is not None:
        age_s = (NOW - last.started_at).total_seconds()
        assert age_s >= policy.cooldown_s
        enough = data.new_rows >= policy.min_new_rows_share * last.rows * (1 - 1e-9)
        again = situation.asker == "alarm" and count_failures(last) > 0
        assert last.snapshot_id != "snap-2" or again
        assert situation.champion_snapshot_id != "snap-2"
        assert enough or (situation.asker == "alarm" and (again or data.later_rows >= policy.min_later_rows))


@given(POLICIES, SITUATIONS)
def test_every_decision_has_its_reason(policy: RetrainingPolicy, situation: Situation) -> None:
    decision = decide_retraining(policy, situation, now=NOW)

    assert decision.reason
    assert decision.train == (decision.outcome == "start")
    assert decision == decide_retraining(policy, situation, now=NOW)


@given(POLICIES, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_failures_never_wait_less(policy: RetrainingPolicy, some: int, more: int) -> None:
    waits = [measure_back_off_s(policy, failures) for failures in sorted((some, more))]

    assert policy.cooldown_s <= waits[0] <= waits[1] <= max(policy.cooldown_s, policy.max_back_off_s)


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
        data = describe_data(10 + number, snapshot_id=f"snap-{number}").model_copy(update={"new_rows": 1})
        situation = Situation("person" if forced else "data", data, last)
        if decide_retraining(policy, situation, now=now).train:
            begins = record_start(last, decision_id=f"d-{number}", data=data, now=now)
            last = replace(begins, running=False)
            begun.append(now)

    for start in begun:
        assert sum(start - timedelta(days=1) < other <= start for other in begun) <= most
