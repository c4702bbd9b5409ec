"""Raw files in: uploaded, ingested, and in a snapshot."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from noriba.client.progress import NO_PROGRESS
from noriba.client.snapshots import read_snapshot
from noriba.client.waiting import DATA_LIMIT_S, StepFailedError, wait_until
from noriba.errors import UnknownUseCaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noriba.aws.ledger import ObjectState
    from noriba.client.progress import Progress
    from noriba.client.session import Session
    from noriba.records.snapshot import IngestedObject, SnapshotManifest


@dataclass(frozen=True)
class Landing:
    """Files that landed, and what became of them.

    Attributes:
        versions: the version id of each key in the raw bucket.
        states: of those keys that were kept or refused.
    """

    versions: Mapping[str, str]
    states: Mapping[str, ObjectState] = field(default_factory=dict)

    @property
    def refused(self) -> dict[str, str]:
        """Keys that were refused as a whole, and the reasons."""
        return {key: state.reason or "" for key, state in self.states.items() if state.status == "refused"}

    @property
    def rejected(self) -> dict[str, IngestedObject]:
        """Keys of which every row is in quarantine, and what became of them."""
        records = {key: state.record for key, state in self.states.items() if state.record is not None}
        return {key: record for key, record in records.items() if record.rows_read and not record.rows_kept}

    @property
    def parts(self) -> set[str]:
        """Hashes of what was made of the rows that were kept."""
        return {part.sha256 for state in self.states.values() if state.record for part in state.record.parts}


def land_files(session: Session, files: Sequence[Path], *, progress: Progress = NO_PROGRESS) -> Landing:
    """Upload files into the raw bucket.

    Raises:
        StepFailedError: two files have the same name, and the second would replace the first.
    """
    names = [path.name for path in files]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise StepFailedError(f"two files are named {', '.join(repeated)}; the key in S3 is the name, rename one")
    s3, bucket, versions = session.at("data").s3, session.deployment.raw_bucket, {}
    for path in files:
        key = f"{session.use_case_name}/{path.name}"
        progress.update(f"uploading {path.name}")
        # The transfer manager sends large files in parts, several at a time.
        s3.upload_file(str(path), bucket, key)
        versions[key] = s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    progress.done(f"{len(versions)} files in s3://{bucket}/{session.use_case_name}/")
    return Landing(versions)


def explain_rejection(session: Session, record: IngestedObject) -> str:
    """What to do about an object of which every row is in quarantine: its most frequent reason, with the remedy."""
    remedies: dict[str, str] = {}
    with suppress(UnknownUseCaseError):
        remedies = {rule.name: rule.remedy for rule in session.use_case.data.rules}
    # Of as many, a rule before what the source says: its remedy is known here.
    reason = max(record.reasons, key=lambda name: (record.reasons[name], name in remedies))
    remedy = remedies.get(reason, "each row says what to do")
    places = ", ".join(f"s3://{session.deployment.quarantine_bucket}/{key}" for key in record.quarantine_keys[:1])
    return (
        f"{record.key}: all {record.rows_read:,} rows are in quarantine; {record.reasons[reason]:,} for {reason}: "
        f"{remedy}; the rows, with their reasons: {places}"
    )


def wait_for_objects(
    session: Session, landing: Landing, *, limit_s: float = DATA_LIMIT_S, progress: Progress = NO_PROGRESS
) -> Landing:
    """Wait until every landed object is kept or refused.

    Raises:
        StepFailedError: not within the limit.
    """
    states = dict(landing.states)

    def look() -> Landing | None:
        for key, version_id in landing.versions.items():
            state = None if key in states else session.ledger.find_object(key, version_id)
            if state is not None and state.status != "received":
                states[key] = state
        progress.update(f"ingest: {len(states)} of {len(landing.versions)} objects dealt with")
        return Landing(landing.versions, states) if len(states) == len(landing.versions) else None

    return wait_until(look, f"the ingest of {len(landing.versions)} objects", limit_s=limit_s)


def wait_for_snapshot(
    session: Session, landing: Landing, *, limit_s: float = DATA_LIMIT_S, progress: Progress = NO_PROGRESS
) -> SnapshotManifest | None:
    """Wait for a snapshot that holds what was kept; the newest of several. None when no row was kept.

    By content, not by the objects' versions: content that landed before makes no new snapshot.

    Raises:
        StepFailedError: not within the limit.
    """
    if len(landing.states) < len(landing.versions):
        landing = wait_for_objects(session, landing, limit_s=limit_s, progress=progress)
    if not landing.parts:
        return None
    seen: set[str] = set()

    def look() -> SnapshotManifest | None:
        for snapshot_id, _created in reversed(session.ledger.list_snapshots()):
            if snapshot_id in seen:
                continue
            seen.add(snapshot_id)
            manifest = read_snapshot(session, snapshot_id)
            if {part.sha256 for part in manifest.parts} >= landing.parts:
                return manifest
        return None

    return wait_until(look, "a snapshot of what was landed", limit_s=limit_s)
