"""Erase a raw object and what was made of it; begun, interrupted and begun again, it ends the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noriba.errors import NoribaError
from noriba.records.erasure import Erasure
from noriba.records.ingest import name_chunk_results, name_refusal
from noriba.records.snapshot import SnapshotManifest, name_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from noriba.aws.ledger import KnownVersion, Ledger
    from noriba.aws.objects import ObjectStore


class NothingToEraseError(NoribaError):
    """No such object was ever landed."""


class StillIngestedError(NoribaError):
    """An execution is at the object; what it is about to write would stay."""


@dataclass(frozen=True)
class Buckets:
    """Where an object and what was made of it lie."""

    raw: ObjectStore
    datasets: ObjectStore
    quarantine: ObjectStore


def plan_erasure(
    ledger: Ledger, buckets: Buckets, key: str, *, use_case: str, erased_by: str, reason: str, now: datetime
) -> Erasure:
    """What has to go; an erasure that was begun before goes on as it was planned then.

    Raises:
        NothingToEraseError: neither the ledger nor the bucket knows the key.
        StillIngestedError: it is being read.
    """
    known = list(ledger.list_versions(key))
    begun = ledger.find_erasure(key)
    if begun is not None and all(one.state.status == "erased" for one in known):
        return begun
    if not known and not buckets.raw.has_versions(key):
        raise NothingToEraseError(
            f"{buckets.raw.uri(key)} was never landed; the keys of what was: noriba datasets SNAPSHOT"
        )
    if any(one.state.status == "received" for one in known):
        raise StillIngestedError(f"{key} is being ingested; wait until it is kept or refused, then erase it")
    mine = {part.key for one in known if one.state.record for part in one.state.record.parts}
    others = [record for record in ledger.list_kept() if record.key != key]
    shared = {record.key: {part.key for part in record.parts} & mine for record in others}
    stays = set[str]().union(*shared.values())
    return Erasure(
        use_case=use_case,
        key=key,
        versions=tuple(one.landed for one in known),
        erased_by=erased_by,
        reason=reason,
        begun_at=now,
        datasets_keys=tuple(sorted((mine - stays) | set(_list_reports(buckets, known)))),
        quarantine_keys=tuple(sorted(set(_list_quarantined(known)))),
        shared_with=tuple(sorted(other for other, parts in shared.items() if parts)),
        snapshots=tuple(_find_snapshots(ledger, buckets, key)),
    )


def delete_objects(buckets: Buckets, erasure: Erasure) -> dict[str, int]:
    """Delete every version of everything that was planned; how many, by place.

    After the snapshot without the object was committed: until then, training may read what goes here.
    """
    return {
        "raw versions": buckets.raw.delete_versions(erasure.key),
        "dataset objects": sum(buckets.datasets.delete_versions(key) for key in erasure.datasets_keys),
        "quarantine objects": sum(buckets.quarantine.delete_versions(key) for key in erasure.quarantine_keys),
    }


def _list_reports(buckets: Buckets, known: list[KnownVersion]) -> Iterator[str]:
    for one in known:
        yield from buckets.datasets.list_keys(name_chunk_results(one.landed))


def _list_quarantined(known: list[KnownVersion]) -> Iterator[str]:
    for one in known:
        yield name_refusal(one.landed)
        if one.state.record is not None:
            yield from one.state.record.quarantine_keys


def _find_snapshots(ledger: Ledger, buckets: Buckets, key: str) -> Iterator[str]:
    for snapshot_id, _created in ledger.list_snapshots():
        content = buckets.datasets.read(name_manifest(ledger.use_case, snapshot_id))
        if any(item.key == key for item in SnapshotManifest.model_validate_json(content).objects):
            yield snapshot_id
