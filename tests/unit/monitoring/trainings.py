"""A policy, a moment, and the training before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
