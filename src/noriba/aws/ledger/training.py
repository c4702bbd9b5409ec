"""Training: the lock, and the decisions that it takes its orders from."""

from __future__ import annotations

from datetime import datetime

from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger.table import Entries
from noriba.events import RetrainingDecided
from noriba.records import ledger_entries as entries
from noriba.records.training import TrainingRecord


class TrainingEntries(Entries):
    """The latest run, and all decisions."""

    def read_training(self) -> TrainingRecord | None:
        """The latest training run."""
        found = self._get(entries.TRAINING)
        if not found:
            return None
        return TrainingRecord(
            decision_id=found["decision_id"],
            snapshot_id=found["snapshot_id"],
            rows=int(found["rows"]),
            started_at=datetime.fromisoformat(found["started_at"]),
            running=found["running"],
            starts=tuple(datetime.fromisoformat(start) for start in found.get("starts", ())),
        )

    def begin_training(self, record: TrainingRecord, *, replacing: TrainingRecord | None) -> bool:
        """Take the lock; False when another decision took it since `replacing` was read."""
        item = {
            "snapshot_id": record.snapshot_id,
            "rows": record.rows,
            "started_at": record.started_at.isoformat(),
            "running": record.running,
            "starts": [start.isoformat() for start in record.starts],
            "decision_id": record.decision_id,
        }
        unchanged = Attr("decision_id").is_in([record.decision_id, *([replacing.decision_id] if replacing else [])])
        return self._put(entries.TRAINING, item, unless_exists_but=unchanged)

    def read_decision(self, decision_id: str) -> RetrainingDecided | None:
        """A decision taken before."""
        found = self._get(f"{entries.DECISION}{decision_id}")
        return RetrainingDecided.model_validate_json(found["record"]) if found else None

    def list_decisions(self) -> list[RetrainingDecided]:
        """All decisions, the oldest first."""
        found = sorted(self._query(entries.DECISION), key=lambda item: item["decided_at"])
        return [RetrainingDecided.model_validate_json(item["record"]) for item in found]

    def record_decision(self, decision: RetrainingDecided, *, now: datetime) -> None:
        """Keep a decision, whichever way it went; training takes its orders from here, not from the event."""
        item = {"decided_at": now.isoformat(), "train": decision.train, "record": decision.model_dump_json()}
        self._put(f"{entries.DECISION}{decision.decision_id}", item, unless_exists_but=None)
