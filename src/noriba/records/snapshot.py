"""The records of a dataset: parts, landed objects, and the manifest that pins them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

SNAPSHOTS = "snapshots/"
"""The folder of a use case's manifests in the datasets bucket; rows lie elsewhere."""


class Part(BaseModel):
    """One immutable object of a snapshot.

    `sha256` names the content; `version_id` pins the object in its versioned bucket; `feature_fingerprint` says which
    definitions computed its feature columns. Times are event times in seconds since 1970 UTC, first and last, both
    inclusive.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(min_length=64, max_length=64)
    key: str
    version_id: str
    feature_fingerprint: str
    rows: int = Field(gt=0)
    size: int = Field(gt=0, description="bytes")
    first_s: float
    last_s: float


class IngestedObject(BaseModel):
    """One landed object version and what became of it."""

    model_config = ConfigDict(frozen=True)

    key: str
    version_id: str
    # S3's own order of the events of one key; see `keep_latest`.
    sequencer: str
    source: str
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    reasons: dict[str, int]
    quarantine_keys: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


class SnapshotManifest(BaseModel):
    """What a snapshot holds; everything that training needs to read exactly these rows again.

    Counts add up: rows_read = rows_kept + rows_quarantined. Kept rows that landed again under another name are counted
    once there, and their repetitions in rows_repeated.
    """

    model_config = ConfigDict(frozen=True)

    use_case: str
    snapshot_id: str
    bucket: str
    label: str
    event_time: str
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    rows_repeated: int
    first_s: float
    last_s: float
    parts: tuple[Part, ...]
    objects: tuple[IngestedObject, ...]


def name_manifest(use_case_name: str, snapshot_id: str) -> str:
    """Where a manifest stands in the datasets bucket."""
    return f"{use_case_name}/{SNAPSHOTS}{snapshot_id}/manifest.json"


def name_channel_manifest(use_case_name: str, snapshot_id: str) -> str:
    """Where the list of parts stands that a SageMaker channel reads (`S3DataType: ManifestFile`)."""
    return f"{use_case_name}/{SNAPSHOTS}{snapshot_id}/channel.manifest"
