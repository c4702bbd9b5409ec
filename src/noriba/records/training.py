"""The decision to train and the latest training run, as the ledger keeps them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
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
    failed: bool = False
    """Whether it is over, and left no candidate."""
    failed_before: int = 0
    """How many runs in a row had failed when it began."""

    @property
    def failures(self) -> int:
        """How many runs in a row have failed; a success ends the row, and while one runs nobody knows."""
        if self.running:
            return self.failed_before
        return self.failed_before + 1 if self.failed else 0


def name_decision(event_id: str, at: datetime) -> str:
    """The id of the decision about an event: the same event gives the same one, however often it is delivered."""
    return f"{at.astimezone(UTC):%Y%m%d-%H%M%S}-{_digest(event_id)}"


def answers_event(decision_id: str, event_id: str) -> bool:
    """Whether a decision is about that event; whoever sent it does not know the time that the bus gave it."""
    return decision_id.endswith(f"-{_digest(event_id)}")


def _digest(event_id: str) -> str:
    return hashlib.sha256(event_id.encode()).hexdigest()[:6]
