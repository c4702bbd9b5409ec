"""Retraining decisions: what asked, what was answered, and what the answer rests upon."""

from __future__ import annotations

from datetime import datetime  # pydantic reads it
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.events import RetrainingWeighed  # pydantic reads it

if TYPE_CHECKING:
    from noriba.client.session import Session

MOST_DECISIONS = 50


class Retraining(BaseModel):
    """One decision."""

    model_config = ConfigDict(frozen=True)

    decided_at: datetime
    decision_id: str
    cause: str = Field(description="the event that asked, or the alarm that did")
    train: bool
    outcome: str = Field(description="start, or what was in the way; unknown where it was taken before that was kept")
    reason: str
    snapshot_id: str
    training_job_name: str
    evidence: RetrainingWeighed | None


def list_retrainings(session: Session, *, most: int = MOST_DECISIONS) -> list[Retraining]:
    """The newest decisions, the newest first; questions of the clock that were answered with no are not among them."""
    return [
        Retraining(
            decided_at=decided_at,
            decision_id=decision.decision_id,
            cause=f"alarm {evidence.alarm.name}" if evidence and evidence.alarm else decision.cause,
            train=decision.train,
            outcome=evidence.outcome if evidence else ("start" if decision.train else "unknown"),
            reason=decision.reason,
            snapshot_id=decision.snapshot_id,
            training_job_name=decision.training_job_name,
            evidence=evidence,
        )
        for decided_at, decision, evidence in session.ledger.list_answers()[::-1][:most]
    ]
