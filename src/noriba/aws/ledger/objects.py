"""Landed object versions: received, kept, refused or erased; each settled once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from boto3.dynamodb.conditions import Attr
from pydantic import BaseModel, ConfigDict

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries
from noriba.records.erasure import Erasure
from noriba.records.ingest import LandedObject
from noriba.records.snapshot import IngestedObject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


# Of a sort key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MOST_ENTRY_BYTES = 1024

Claim: TypeAlias = Literal["claimed", "settled", "taken"]


class ObjectState(BaseModel):
    """How far a landed object version is, and which execution brought it there."""

    model_config = ConfigDict(frozen=True)

    status: Literal["received", "kept", "refused", "erased"]
    execution: str
    reason: str | None = None
    record: IngestedObject | None = None


class KnownVersion(NamedTuple):
    """A version of a landed object, and how far it is."""

    landed: LandedObject
    state: ObjectState


class ReceivedObject(BaseModel):
    """A landed object version that an execution has taken and not yet settled."""

    model_config = ConfigDict(frozen=True)

    landed: LandedObject
    execution: str


class ObjectEntries(Entries):
    """What landed, and what was erased of it."""

    def claim_object(self, landed: LandedObject, *, execution: str, now: datetime) -> Claim:
        """Take an object version for one execution, however often its event is delivered.

        An execution that ends without settling what it took leaves it `received`, and holds up snapshots until
        somebody settles it in its place.

        Returns:
            `claimed` for the first execution and for its own retries, `settled` when the object was dealt with,
            `taken` when another execution is processing it.
        """
        entry = _name_object(landed.key, landed.version_id)
        item = {
            "status": "received",
            "execution": execution,
            "received_at": now.isoformat(),
            "landed": landed.model_dump_json(),
        }
        ours = Attr("execution").eq(execution) & Attr("status").eq("received")
        if self._put(entry, item, unless_exists_but=ours):
            return "claimed"
        found = self._get(entry)
        return "taken" if found["status"] == "received" else "settled"

    def keep_object(self, record: IngestedObject) -> bool:
        """Settle an object whose rows were looked at; False when it was refused meanwhile, and stays so."""
        entry = _name_object(record.key, record.version_id)
        open_or_kept = Attr("status").is_in(["received", "kept"])
        return self._update(entry, only_if=open_or_kept, status="kept", record=record.model_dump_json())

    def refuse_object(self, key: str, version_id: str, *, reason: str, execution: str) -> bool:
        """Settle an object that could not be read; False when another execution is processing it, or kept it."""
        entry = _name_object(key, version_id)
        ours = Attr("entry").not_exists() | Attr("execution").eq(execution) | Attr("status").eq("refused")
        return self._update(entry, only_if=ours, status="refused", reason=reason, execution=execution)

    def list_received(self) -> list[ReceivedObject]:
        """What was taken and is not settled, the oldest first."""
        return [
            ReceivedObject(landed=LandedObject.model_validate_json(item["landed"]), execution=item["execution"])
            for item in sorted(self._list_pending(), key=lambda item: item["received_at"])
        ]

    def list_kept(self) -> list[IngestedObject]:
        """Everything ingested so far."""
        items = self._query(entries.OBJECT)
        return [IngestedObject.model_validate_json(i["record"]) for i in items if i["status"] == "kept"]

    def list_refused(self) -> dict[str, str]:
        """Keys of refused objects and the reasons."""
        refused = [item for item in self._query(entries.OBJECT) if item["status"] == "refused"]
        return {item["entry"].removeprefix(entries.OBJECT).rpartition("#")[0]: item["reason"] for item in refused}

    def find_object(self, key: str, version_id: str) -> ObjectState | None:
        """How far an object version is; None when no execution has taken it yet."""
        found = self._get(_name_object(key, version_id))
        return _read_state(found) if found else None

    def list_versions(self, key: str) -> Iterator[KnownVersion]:
        """The versions of one object, as they were claimed."""
        for item in self._query(_name_object(key, "")):
            if "landed" in item and (landed := LandedObject.model_validate_json(item["landed"])).key == key:
                yield KnownVersion(landed, _read_state(item))

    def count_pending(self) -> int:
        """Objects received and not yet settled."""
        return len(self._list_pending())

    def _list_pending(self) -> list[dict[str, Any]]:
        # Entries of earlier versions do not say what was landed; nobody could settle them, so they hold up nothing.
        return [item for item in self._query(entries.OBJECT) if item["status"] == "received" and "landed" in item]

    def begin_erasure(self, erasure: Erasure) -> None:
        """Keep what is to be erased, and take the object out of every snapshot to come."""
        entry = f"{entries.ERASURE}{erasure.name}"
        item = {"record": erasure.model_dump_json(), "open": True}
        self._put(entry, item, unless_exists_but=Attr("entry").exists())
        for landed in erasure.versions:
            name = _name_object(landed.key, landed.version_id)
            self._table.update_item(
                Key=self._key(name),
                UpdateExpression="SET #status = :erased, reason = :reason REMOVE #record",
                ExpressionAttributeNames={"#status": "status", "#record": "record"},
                ExpressionAttributeValues={":erased": "erased", ":reason": erasure.reason},
            )

    def find_erasure(self, key: str) -> Erasure | None:
        """What was erased of an object, if anything was."""
        return next((found for found in self.list_erasures() if found.key == key), None)

    def list_erasures(self, *, only_open: bool = False) -> list[Erasure]:
        """What was erased; `only_open` leaves out what a later snapshot is known to lack."""
        items = [item for item in self._query(entries.ERASURE) if item["open"] or not only_open]
        return [Erasure.model_validate_json(item["record"]) for item in items]


def _read_state(item: dict[str, Any]) -> ObjectState:
    record = item.get("record")
    return ObjectState(
        status=item["status"],
        execution=item.get("execution", ""),
        reason=item.get("reason"),
        record=IngestedObject.model_validate_json(record) if record else None,
    )


def _name_object(key: str, version_id: str) -> str:
    entry = f"{entries.OBJECT}{key}#{version_id}"
    if len(entry.encode()) <= _MOST_ENTRY_BYTES:
        return entry
    digest = hashlib.sha256(key.encode()).hexdigest()
    beginning = key.encode()[: _MOST_ENTRY_BYTES // 2].decode(errors="ignore")
    return f"{entries.OBJECT}{beginning}…{digest}#{version_id}"
