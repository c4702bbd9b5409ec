"""Training: the lock, the decisions that it takes its orders from, and the alarms that ask for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger.table import Entries
from noriba.events import AlarmFacts, RetrainingDecided, RetrainingWeighed
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
            failed=found.get("failed", False),
            failed_before=int(found.get("failed_before", 0)),
        )

    def begin_training(self, record: TrainingRecord, *, replacing: TrainingRecord | None) -> bool:
        """Take the lock; False when another decision took it since `replacing` was read."""
        item = {
            "snapshot_id": record.snapshot_id,
            "rows": record.rows,
            "started_at": record.started_at.isoformat(),
            "running": record.running,
            "starts": [start.isoformat() for start in record.starts],
            "failed": record.failed,
            "failed_before": record.failed_before,
            "decision_id": record.decision_id,
        }
        unchanged = Attr("decision_id").is_in([record.decision_id, *([replacing.decision_id] if replacing else [])])
        return self._put(entries.TRAINING, item, unless_exists_but=unchanged)

    def read_decision(self, decision_id: str) -> RetrainingDecided | None:
        """A decision taken before."""
        found = self._get(f"{entries.DECISION}{decision_id}")
        return RetrainingDecided.model_validate_json(found["record"]) if found else None

    def read_evidence(self, decision_id: str) -> RetrainingWeighed | None:
        """What a decision rests upon; None where it was taken before that was kept."""
        return _read_evidence(self._get(f"{entries.DECISION}{decision_id}"))

    def find_training_execution(self, decision_id: str) -> str | None:
        """The execution that took a decision to train by it; None when none has yet."""
        return self._get(f"{entries.DECISION}{decision_id}").get("execution")

    def list_decisions(self) -> list[RetrainingDecided]:
        """All decisions, the oldest first."""
        return [decision for _, decision, _ in self.list_answers()]

    def list_answers(self) -> list[tuple[datetime, RetrainingDecided, RetrainingWeighed | None]]:
        """All decisions with their time and what they rest upon, the oldest first; see `read_evidence`."""
        found = sorted(self._query(entries.DECISION), key=lambda item: item["decided_at"])
        return [
            (
                datetime.fromisoformat(item["decided_at"]),
                RetrainingDecided.model_validate_json(item["record"]),
                _read_evidence(item),
            )
            for item in found
        ]

    def record_decision(self, decision: RetrainingDecided, evidence: RetrainingWeighed, *, now: datetime) -> bool:
        """Keep a decision, whichever way it went; training takes its orders from here, not from the event.

        Returns:
            False where an answer to the same question stands already: of two that were asked at once, the first one,
            but for a yes, which has taken the lock, and takes the place of a no.
        """
        item = {
            "decided_at": now.isoformat(),
            "train": decision.train,
            "record": decision.model_dump_json(),
            "evidence": evidence.model_dump_json(),
        }
        replaced = Attr("train").eq(False) if decision.train else None
        return self._put(f"{entries.DECISION}{decision.decision_id}", item, unless_exists_but=replaced)

    def note_alarm(self, alarm: AlarmFacts) -> None:
        """Keep an alarm's state, unless a later one is known: events come in any order, and more than once."""
        item = {"changed_at": alarm.changed_at.isoformat(timespec="microseconds"), "record": alarm.model_dump_json()}
        earlier = Attr("changed_at").lte(item["changed_at"])
        self._put(f"{entries.ALARM}{alarm.name}", item, unless_exists_but=earlier)

    def list_alarms(self) -> list[AlarmFacts]:
        """The latest state of every alarm that has asked, the one that changed longest ago first."""
        found = [AlarmFacts.model_validate_json(item["record"]) for item in self._query(entries.ALARM)]
        return sorted(found, key=lambda alarm: alarm.changed_at)


def _read_evidence(item: dict[str, Any]) -> RetrainingWeighed | None:
    return RetrainingWeighed.model_validate_json(item["evidence"]) if "evidence" in item else None
