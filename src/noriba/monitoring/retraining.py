"""The retraining decision: one place, every answer with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.usecase import RetrainingPolicy


@dataclass(frozen=True)
class TrainingRecord:
    """The latest training run of a use case, as far as it is known."""

    decision_id: str
    snapshot_id: str
    rows: int
    started_at: datetime
    running: bool


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why."""

    train: bool
    reason: str


def decide_retraining(
    policy: RetrainingPolicy,
    *,
    snapshot_id: str,
    rows: int,
    last: TrainingRecord | None,
    now: datetime,
    by_hand: bool = False,
) -> Decision:
    """Whether a snapshot is worth a training run.

    Args:
        policy: the use case's.
        snapshot_id: the newest snapshot.
        rows: its kept rows.
        last: the latest training run, finished or not; None before the first.
        now: the time of the decision.
        by_hand: somebody asked for it, who knows that the data are old; only a running training is in the way.
    """
    if rows < policy.min_rows:
        return Decision(train=False, reason=f"{rows} rows are fewer than the {policy.min_rows} that training needs")
    if last is None:
        return Decision(train=True, reason=f"first training, on {rows} rows")
    age_s = (now - last.started_at).total_seconds()
    if last.running and age_s < policy.lock_s:
        return Decision(train=False, reason=f"training on {last.snapshot_id} is running since {age_s:.0f} s")
    if by_hand:
        return Decision(train=True, reason=f"asked for by hand, on {rows} rows")
    return _weigh_news(policy, snapshot_id, rows, last, age_s)


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
