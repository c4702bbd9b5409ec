"""The latest training run, as the ledger keeps it and the decision reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class TrainingRecord:
    """The latest training run of a use case, as far as it is known."""

    decision_id: str
    snapshot_id: str
    rows: int
    started_at: datetime
    running: bool
    starts: tuple[datetime, ...] = ()
    """When training runs began within the day up to this one, itself among them."""
