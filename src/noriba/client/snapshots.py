"""Snapshots, and what never came into one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.errors import NoribaError
from noriba.records.snapshot import SnapshotManifest, name_manifest
from noriba.records.traffic import SOURCE

if TYPE_CHECKING:
    from noriba.client.session import Session


class NoSuchSnapshotError(NoribaError):
    """No snapshot of that id."""


class SnapshotSummary(BaseModel):
    """A snapshot in one line."""

    model_config = ConfigDict(frozen=True)

    snapshot_id: str
    created_at: datetime | None = Field(default=None, description="UTC; None where only the manifest was read")
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    rows_repeated: int
    rows_from_traffic: int = Field(description="of the kept ones, those that production was asked and heard the end of")
    first_day: date
    last_day: date


def read_snapshot(session: Session, snapshot_id: str) -> SnapshotManifest:
    """A snapshot's manifest.

    Raises:
        NoSuchSnapshotError: there is none; the message says how to list those there are.
    """
    content = session.datasets.find(name_manifest(session.use_case_name, snapshot_id))
    if content is None:
        raise NoSuchSnapshotError(
            f"no snapshot {snapshot_id!r} of {session.use_case_name}; `noriba datasets` lists those there are"
        )
    return SnapshotManifest.model_validate_json(content)


def list_snapshots(session: Session) -> tuple[SnapshotSummary, ...]:
    """All snapshots, the oldest first."""
    return tuple(
        summarise_snapshot(read_snapshot(session, snapshot_id), created_at=created)
        for snapshot_id, created in session.ledger.list_snapshots()
    )


def list_refused(session: Session) -> dict[str, str]:
    """Keys of objects that could not be read at all, and the reasons."""
    return session.ledger.list_refused()


def summarise_snapshot(manifest: SnapshotManifest, *, created_at: datetime | None = None) -> SnapshotSummary:
    """A manifest in one line."""
    return SnapshotSummary(
        snapshot_id=manifest.snapshot_id,
        created_at=created_at,
        rows_read=manifest.rows_read,
        rows_kept=manifest.rows_kept,
        rows_quarantined=manifest.rows_quarantined,
        rows_repeated=manifest.rows_repeated,
        rows_from_traffic=count_traffic(manifest),
        first_day=datetime.fromtimestamp(manifest.first_s, UTC).date(),
        last_day=datetime.fromtimestamp(manifest.last_s, UTC).date(),
    )


def count_traffic(manifest: SnapshotManifest) -> int:
    """The rows of a snapshot that captured traffic brought."""
    return sum(item.rows_kept for item in manifest.objects if item.source == SOURCE)
