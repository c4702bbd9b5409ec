"""What a snapshot holds that the latest training did not have: the data's part of a retraining decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.events import DataFacts
from noriba.records.traffic import SOURCE

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.records.snapshot import SnapshotManifest
    from noriba.records.training import TrainingRecord

_DAY_S = 86_400.0


def weigh_news(
    manifest: SnapshotManifest,
    *,
    last: TrainingRecord | None,
    trained_on: SnapshotManifest | None,
    now: datetime,
) -> DataFacts:
    """The numbers that a decision rests upon.

    Args:
        manifest: of the newest snapshot.
        last: the latest training run; None before the first.
        trained_on: the manifest that it read; everything is new where there is none.
        now: what says to be later is not yet; a part that ends with it is known to be later by its beginning alone.
    """
    rows = sum(part.rows for part in manifest.parts)
    known_parts = {part.sha256 for part in trained_on.parts} if trained_on else set()
    known_objects = {(one.key, one.version_id) for one in trained_on.objects} if trained_on else set()
    latest_s = trained_on.last_s if trained_on else float("-inf")
    if last is not None:
        # A row that says to be of the future must not make all that comes look old.
        latest_s = min(latest_s, last.started_at.timestamp())
    now_s = now.timestamp()
    later = [
        part
        for part in manifest.parts
        if part.sha256 not in known_parts and (part.last_s if part.last_s <= now_s else part.first_s) > latest_s
    ]
    # What apps report is quarantined row by row, and nobody can land it repaired: they must not stop all training.
    landed = [
        one for one in manifest.objects if (one.key, one.version_id) not in known_objects and one.source != SOURCE
    ]
    span_s = max(0.0, min(manifest.last_s, now_s) - max(latest_s, manifest.first_s)) if later else 0.0
    return DataFacts(
        snapshot_id=manifest.snapshot_id,
        rows=rows,
        new_rows=rows - (last.rows if last else 0),
        later_rows=sum(part.rows for part in later),
        later_days=round(span_s / _DAY_S, 2),
        landed_rows=sum(one.rows_read for one in landed),
        landed_quarantined=sum(one.rows_quarantined for one in landed),
    )
