"""Snapshots: who announced each, and which one is the latest."""

from __future__ import annotations

from datetime import datetime

from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries


class SnapshotEntries(Entries):
    """Snapshots, each announced once."""

    def claim_snapshot(self, snapshot_id: str, *, execution: str, now: datetime) -> bool:
        """Whether this execution is the one that announces the snapshot: the first, and its own retries."""
        item = {"execution": execution, "created_at": now.isoformat()}
        return self._put(f"{entries.SNAPSHOT}{snapshot_id}", item, unless_exists_but=Attr("execution").eq(execution))

    def list_snapshots(self) -> list[tuple[str, datetime]]:
        """Ids and times of all snapshots, the oldest first."""
        found = sorted(self._query(entries.SNAPSHOT), key=lambda item: item["created_at"])
        return [(i["entry"].removeprefix(entries.SNAPSHOT), datetime.fromisoformat(i["created_at"])) for i in found]

    def mark_latest(self, snapshot_id: str, *, now: datetime) -> None:
        """Say that a snapshot is what there is at that moment, unless somebody has looked later; "" for none."""
        item = {"snapshot_id": snapshot_id, "committed_at": now.isoformat(timespec="microseconds")}
        self._put(entries.LATEST_SNAPSHOT, item, unless_exists_but=Attr("committed_at").lte(item["committed_at"]))

    def latest_snapshot(self) -> str | None:
        """The id of the snapshot committed last: not the newest one, when an older state of the data came back."""
        found = self._get(entries.LATEST_SNAPSHOT)
        return found.get("snapshot_id") or None
