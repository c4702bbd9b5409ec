"""The retraining decision: one place, every answer with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.records.training import TrainingRecord

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.usecase import RetrainingPolicy


ASKED_BY_THE_CLOCK = "Scheduled question"
"""The cause of a decision about data that came within the cooldown, and were followed by no event."""


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why; `limited` when only the day's limit was in the way."""

    train: bool
    reason: str
    limited: bool = False


def decide_retraining(
    policy: RetrainingPolicy,
    *,
    snapshot_id: str,
    rows: int,
    last: TrainingRecord | None,
    now: datetime,
    forced: bool = False,
) -> Decision:
    """Whether a snapshot is worth a training run.

    Args:
        policy: the use case's.
        snapshot_id: the newest snapshot.
        rows: its kept rows.
        last: the latest training run, finished or not; None before the first.
        now: the time of the decision.
        forced: somebody asked for it, who knows that the data are old; only a running training and the day's limit
            are in the way.
    """
    if rows < policy.min_rows:
        return Decision(train=False, reason=f"{rows} rows are fewer than the {policy.min_rows} that training needs")
    if last is None:
        return Decision(train=True, reason=f"first training, on {rows} rows")
    age_s = (now - last.started_at).total_seconds()
    if last.running and age_s < policy.lock_s:
        return Decision(train=False, reason=f"training on {last.snapshot_id} has been running for {age_s:.0f} s")
    if forced:
        decision = Decision(train=True, reason=f"asked for by hand, on {rows} rows")
    else:
        decision = _weigh_news(policy, snapshot_id, rows, last, age_s)
    begun = len(list_recent_starts(last, now=now))
    if decision.train and begun >= policy.max_per_day:
        reason = f"{begun} training runs began within a day, the policy's max_per_day; else: {decision.reason}"
        return Decision(train=False, reason=reason, limited=True)
    return decision


def resume_decision(last: TrainingRecord | None, *, decision_id: str) -> Decision | None:
    """The answer of a decision that took the lock and was interrupted before it was recorded; None for any other."""
    if last is None or last.decision_id != decision_id:
        return None
    return Decision(train=True, reason="this decision took the lock before, and was interrupted")


def record_start(
    last: TrainingRecord | None, *, decision_id: str, snapshot_id: str, rows: int, now: datetime
) -> TrainingRecord:
    """The training run that begins now, after the latest one."""
    starts = (*list_recent_starts(last, now=now), now)
    return TrainingRecord(decision_id, snapshot_id, rows, now, running=True, starts=starts)


def list_recent_starts(last: TrainingRecord | None, *, now: datetime) -> tuple[datetime, ...]:
    """When training runs began within the day before now."""
    if last is None:
        return ()
    return tuple(start for start in last.starts or (last.started_at,) if now - start < timedelta(days=1))


def _weigh_news(policy: RetrainingPolicy, snapshot_id: str, rows: int, last: TrainingRecord, age_s: float) -> Decision:
    """Whether there is enough news since the latest training run, which is over."""
    if last.snapshot_id == snapshot_id:
        return Decision(train=False, reason=f"{snapshot_id} was trained on already")
    if age_s < policy.cooldown_s:
        return Decision(
            train=False,
            reason=f"last training began {age_s:.0f} s ago, within the cooldown of {policy.cooldown_s:.0f} s",
        )
    share = (rows - last.rows) / last.rows
    if share < policy.min_new_rows_share:
        return Decision(
            train=False,
            reason=f"{rows - last.rows} new rows are {share:.1%} of the last training's, "
            f"under {policy.min_new_rows_share:.1%}",
        )
    return Decision(train=True, reason=f"{rows - last.rows} new rows, {share:.1%} of the last training's {last.rows}")
