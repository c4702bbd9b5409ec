"""The ledger: what must be known exactly once, in one DynamoDB table. Entries: `noriba.records.ledger_entries`."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from noriba.events import RetrainingDecided
from noriba.monitoring.retraining import TrainingRecord
from noriba.records import ledger_entries as entries
from noriba.records.erasure import Erasure
from noriba.records.ingest import LandedObject
from noriba.records.snapshot import IngestedObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.service_resource import Table


# Of a sort key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MOST_ENTRY_BYTES = 1024

Claim: TypeAlias = Literal["claimed", "settled", "taken"]


class Champion(BaseModel):
    """The model in production."""

    model_config = ConfigDict(frozen=True)

    model_package_arn: str
    model_data_uri: str


class RolloutLock(BaseModel):
    """The execution that rolls out, and the names of what it makes for it."""

    model_config = ConfigDict(frozen=True)

    execution: str
    staging: str = ""
    model: str = ""


class KnownVersion(NamedTuple):
    """A version of a landed object, and how far it is."""

    landed: LandedObject
    state: ObjectState


class ReceivedObject(BaseModel):
    """A landed object version that an execution has taken and not yet settled."""

    model_config = ConfigDict(frozen=True)

    landed: LandedObject
    execution: str


class ObjectState(BaseModel):
    """How far a landed object version is, and which execution brought it there."""

    model_config = ConfigDict(frozen=True)

    status: Literal["received", "kept", "refused", "erased"]
    execution: str
    reason: str | None = None
    record: IngestedObject | None = None


class Ledger:
    """The entries of one use case."""

    def __init__(self, table: Table, use_case: str) -> None:
        self._table = table
        self._use_case = use_case

    @property
    def use_case(self) -> str:
        """Whose entries they are."""
        return self._use_case

    # --- landed objects -----------------------------------------------------------------------------------------------

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

    # --- snapshots ----------------------------------------------------------------------------------------------------

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

    # --- training -----------------------------------------------------------------------------------------------------

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

    # --- models -------------------------------------------------------------------------------------------------------

    def record_registration(self, package_arn: str, *, image_uri: str, model_data_uri: str, sha256: str) -> None:
        """Keep what a package holds, by hash: packages can be edited, and objects overwritten."""
        item = {"image_uri": image_uri, "model_data_uri": model_data_uri, "sha256": sha256}
        self._put(f"{entries.REGISTERED}{package_arn}", item, unless_exists_but=None)

    def read_champion(self) -> Champion | None:
        """The model in production; None before the first rollout."""
        found = self._get(entries.CHAMPION)
        return Champion.model_validate(found) if found else None

    def read_rollout(self) -> RolloutLock | None:
        """The rollout that holds the lock, be its execution alive or not."""
        found = self._get(entries.ROLLOUT)
        return RolloutLock.model_validate(found) if found else None

    # --- table --------------------------------------------------------------------------------------------------------

    def _get(self, entry: str) -> dict[str, Any]:
        answer = self._table.get_item(Key=self._key(entry), ConsistentRead=True)
        return answer.get("Item", {})

    def _put(self, entry: str, item: dict[str, Any], *, unless_exists_but: ConditionBase | None) -> bool:
        """Write an entry if there is none, or if the one there is meets the condition; whether it was written."""
        condition: ConditionBase = Attr("entry").not_exists()
        if unless_exists_but is not None:
            condition |= unless_exists_but
        return _attempt(self._table.put_item, Item={**self._key(entry), **item}, ConditionExpression=condition)

    def _update(self, entry: str, *, only_if: ConditionBase, **values: str) -> bool:
        """Set values of an entry, which is made where there is none, if it meets a condition; whether it did."""
        return _attempt(
            self._table.update_item,
            Key=self._key(entry),
            ConditionExpression=only_if,
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def _query(self, prefix: str) -> Iterator[dict[str, Any]]:
        condition = Key("use_case").eq(self._use_case) & Key("entry").begins_with(prefix)
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(KeyConditionExpression=condition, ConsistentRead=True, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _key(self, entry: str) -> dict[str, str]:
        return {"use_case": self._use_case, "entry": entry}


def _read_state(item: dict[str, Any]) -> ObjectState:
    record = item.get("record")
    return ObjectState(
        status=item["status"],
        execution=item.get("execution", ""),
        reason=item.get("reason"),
        record=IngestedObject.model_validate_json(record) if record else None,
    )


def _attempt(write: Callable[..., object], **request: object) -> bool:
    """Write on a condition; whether it held."""
    try:
        write(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _name_object(key: str, version_id: str) -> str:
    entry = f"{entries.OBJECT}{key}#{version_id}"
    if len(entry.encode()) <= _MOST_ENTRY_BYTES:
        return entry
    digest = hashlib.sha256(key.encode()).hexdigest()
    beginning = key.encode()[: _MOST_ENTRY_BYTES // 2].decode(errors="ignore")
    return f"{entries.OBJECT}{beginning}…{digest}#{version_id}"
