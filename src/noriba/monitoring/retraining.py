"""The retraining decision: one place, every answer with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.events import LastTrainingFacts
from noriba.records.training import TrainingRecord

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.events import DataFacts, RetrainingOutcome
    from noriba.monitoring.causes import Asker
    from noriba.usecase import RetrainingPolicy


@dataclass(frozen=True)
class Situation:
    """All that a decision rests upon, but for the policy and the time.

    Attributes:
        asker: see `Asker`.
        data: the newest snapshot, beside what was trained on.
        last: the latest training run, finished or not; None before the first.
        champion_snapshot_id: what the model in production learned from, where that is known.
        rolling_out: whether a challenger is on its way to take the champion's place.
    """

    asker: Asker
    data: DataFacts
    last: TrainingRecord | None
    champion_snapshot_id: str | None = None
    rolling_out: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why, for a machine and in words."""

    outcome: RetrainingOutcome
    reason: str

    @property
    def train(self) -> bool:
        """Whether a training run begins."""
        return self.outcome == "start"

    @property
    def limited(self) -> bool:
        """Whether only the day's limit was in the way."""
        return self.outcome == "limit"


def decide_retraining(policy: RetrainingPolicy, situation: Situation, *, now: datetime) -> Decision:
    """Whether the newest snapshot is worth a training run; for a person, only that one can run now."""
    data, last = situation.data, situation.last
    if data.rows < policy.min_rows:
        reason = f"{data.rows} rows are fewer than the {policy.min_rows} that training needs; give more files"
        return Decision("too_few_rows", reason)
    if last is not None and last.running and _measure_age_s(last, now) < policy.lock_s:
        return Decision(
            "running", f"training on {last.snapshot_id} has been running for {_measure_age_s(last, now):.0f} s"
        )
    if situation.asker != "person" and (refusal := _find_obstacle(policy, situation)):
        return refusal
    if last is None:
        return Decision("start", f"first training, on {data.rows} rows")
    if situation.asker == "person":
        decision = Decision("start", f"asked for by hand, on {data.rows} rows")
    else:
        decision = _wait(policy, situation, last, now) or _weigh(policy, situation, last)
    begun = len(list_recent_starts(last, now=now))
    if decision.train and begun >= policy.max_per_day:
        reason = f"{begun} training runs began within a day, the policy's max_per_day; else: {decision.reason}"
        return Decision("limit", reason)
    return decision


def choose_snapshot(last: TrainingRecord | None, newest: str | None, *, decision_id: str) -> str | None:
    """The newest snapshot, None before the first; of a decision that was interrupted, the one that it weighed.

    The lock names it, and later decisions take it for what was trained on. A newer one was never weighed.
    """
    if last is not None and last.decision_id == decision_id:
        return last.snapshot_id
    return newest


def resume_decision(last: TrainingRecord | None, *, decision_id: str) -> Decision | None:
    """The answer of a decision that took the lock and was interrupted before it was recorded; None for any other."""
    if last is None or last.decision_id != decision_id:
        return None
    return Decision("start", "this decision took the lock before, and was interrupted")


def record_start(last: TrainingRecord | None, *, decision_id: str, data: DataFacts, now: datetime) -> TrainingRecord:
    """The training run that begins now, after the latest one."""
    starts = (*list_recent_starts(last, now=now), now)
    return TrainingRecord(
        decision_id,
        data.snapshot_id,
        data.rows,
        now,
        running=True,
        starts=starts,
        failed_before=0 if last is None else count_failures(last),
    )


def describe_training(last: TrainingRecord) -> LastTrainingFacts:
    """A training run as evidence."""
    return LastTrainingFacts(
        decision_id=last.decision_id,
        snapshot_id=last.snapshot_id,
        rows=last.rows,
        started_at=last.started_at,
        running=last.running,
        failures=last.failures,
    )


def count_failures(last: TrainingRecord) -> int:
    """How many runs in a row have failed, where the latest one runs no more: one that never ended is among them."""
    return last.failures + last.running


def list_recent_starts(last: TrainingRecord | None, *, now: datetime) -> tuple[datetime, ...]:
    """When training runs began within the day before now."""
    if last is None:
        return ()
    return tuple(start for start in last.starts or (last.started_at,) if now - start < timedelta(days=1))


def measure_back_off_s(policy: RetrainingPolicy, failures: int) -> float:
    """How long after a run's start the next may begin: the cooldown, doubled by each failure in a row."""
    if not failures:
        return policy.cooldown_s
    # A number of failures beyond any patience must not overflow.
    return max(policy.cooldown_s, min(policy.cooldown_s * 2.0 ** min(failures, 64), policy.max_back_off_s))


def _measure_age_s(last: TrainingRecord, now: datetime) -> float:
    return (now - last.started_at).total_seconds()


def _find_obstacle(policy: RetrainingPolicy, situation: Situation) -> Decision | None:
    """What is in the way of whoever has not decided to train all the same."""
    data = situation.data
    if situation.rolling_out:
        return Decision(
            "rollout_in_progress",
            "a challenger is on its way into production, and the next candidate is to be held against the champion "
            "after it; asked again every hour",
        )
    share = data.landed_quarantined / data.landed_rows if data.landed_rows else 0.0
    if share > policy.max_quarantined_share:
        return Decision(
            "bad_data",
            f"{data.landed_quarantined} of {data.landed_rows} rows that landed since the last training are in "
            f"quarantine, {share:.1%} and over {policy.max_quarantined_share:.1%}; see `noriba datasets "
            f"{data.snapshot_id}`, land the files repaired, or train all the same with `noriba retrain`",
        )
    return None


def _wait(policy: RetrainingPolicy, situation: Situation, last: TrainingRecord, now: datetime) -> Decision | None:
    """Whether it is too early for another run, or there is nothing new at all."""
    age_s, failures = _measure_age_s(last, now), count_failures(last)
    wait_s = measure_back_off_s(policy, failures)
    if failures and age_s < wait_s:
        return Decision(
            "back_off",
            f"{failures} training runs in a row failed, the last began {age_s:.0f} s ago; the next may begin by itself "
            f"after {wait_s:.0f} s, `noriba retrain` at once",
        )
    snapshot_id = situation.data.snapshot_id
    if snapshot_id == last.snapshot_id and not (failures and situation.asker == "alarm"):
        return Decision("same_snapshot", f"{snapshot_id} was trained on already{', and failed' if failures else ''}")
    if snapshot_id == situation.champion_snapshot_id:
        return Decision("same_snapshot", f"{snapshot_id} is what the champion learned from")
    if age_s < wait_s:
        return Decision(
            "cooldown", f"last training began {age_s:.0f} s ago, within the cooldown of {policy.cooldown_s:.0f} s"
        )
    return None


def _weigh(policy: RetrainingPolicy, situation: Situation, last: TrainingRecord) -> Decision:
    """Whether there is enough news since the latest training run, which is over."""
    data = situation.data
    share = data.new_rows / last.rows
    if share >= policy.min_new_rows_share:
        return Decision("start", f"{data.new_rows} new rows, {share:.1%} of the last training's {last.rows}")
    if situation.asker != "alarm":
        return Decision(
            "too_little_news",
            f"{data.new_rows} new rows are {share:.1%} of the last training's, under {policy.min_new_rows_share:.1%}",
        )
    if count_failures(last):
        return Decision("start", f"an alarm stands, and the last training failed, on {last.rows} rows")
    if data.later_rows >= policy.min_later_rows:
        return Decision("start", f"an alarm stands, and {data.later_rows} rows are later than the last training's")
    return Decision(
        "too_little_news",
        f"an alarm stands, but {data.later_rows} rows are later than the last training's, under "
        f"{policy.min_later_rows}: nothing of what has changed is in the data yet",
    )
