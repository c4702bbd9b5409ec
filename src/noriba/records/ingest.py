"""What the steps of one ingest tell each other."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from noriba.events import S3ObjectCreated
from noriba.records.snapshot import Part

FileFormat: TypeAlias = Literal["parquet", "csv"]

NO_USE_CASE = "no-use-case"
"""Stands for the use case of a key that begins with a slash: the ledger's keys may not be empty."""
MOST_PLACE_BYTES = 400
"""Of the place, as JSON, that a landed object is given in other buckets.

A name follows it, and S3's keys have at most 1,024 bytes; in the ledger it stands once for each quarantined chunk.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""


class LandedObject(BaseModel):
    """One object version, from the event that announced it.

    `landed_at_s` is the event's own time, in seconds since 1970; None in what was written before that was kept.
    """

    model_config = ConfigDict(frozen=True)

    use_case: str
    bucket: str
    key: str
    version_id: str
    sequencer: str
    size: int
    landed_at_s: float | None = None

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Self:
        """The object that S3's event announces; the first part of its key is the use case."""
        created = S3ObjectCreated.parse(event)
        return cls(
            use_case=created.object.key.partition("/")[0] or NO_USE_CASE,
            bucket=created.bucket.name,
            key=created.object.key,
            version_id=created.object.version_id,
            sequencer=created.object.sequencer,
            size=created.object.size,
            landed_at_s=datetime.fromisoformat(event["time"]).timestamp() if "time" in event else None,
        )

    @property
    def is_folder(self) -> bool:
        """Whether it is what S3's console writes for a folder: no file, and nothing to refuse.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-folders.html
        """
        return self.size == 0 and self.key.endswith("/")


class Chunk(BaseModel):
    """A piece of a file: rows `first` to `last` of Parquet, or the CSV lines that begin in those bytes."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(ge=0)
    first: int = Field(ge=0)
    last: int = Field(ge=0, description="exclusive")


class FilePlan(BaseModel):
    """How a file will be read."""

    model_config = ConfigDict(frozen=True)

    format: FileFormat
    header: tuple[str, ...]
    chunks: tuple[Chunk, ...]


class ChunkResult(BaseModel):
    """What became of one chunk; rows_read = rows_kept + rows_quarantined.

    `refused` says why the chunk, and with it the object, could not be read at all.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    part: Part | None = None
    rows_read: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    quarantine_key: str | None = None
    refused: str | None = None


def name_chunk_results(landed: LandedObject) -> str:
    """Prefix in the datasets bucket under which the chunks of an object version report."""
    return _name_place(landed, "ingest/")


def name_quarantine(landed: LandedObject, chunk_index: int) -> str:
    """Where a chunk's refused rows wait for repair."""
    return f"{_name_place(landed)}chunk-{chunk_index:05d}.parquet"


def name_refusal(landed: LandedObject) -> str:
    """Where the reason stands why a whole object was refused."""
    return f"{_name_place(landed)}refused.json"


def _name_place(landed: LandedObject, folder: str = "") -> str:
    """An object version's own prefix: its key, or the key's hash where the key is too long to be part of another."""
    place = f"{landed.use_case}/{folder}{landed.key}/{landed.version_id}/"
    if _measure(place) <= MOST_PLACE_BYTES:
        return place
    # The first part of such a key may itself be too long; then it names no use case.
    use_case = landed.use_case if _measure(landed.use_case) <= MOST_PLACE_BYTES // 4 else NO_USE_CASE
    key = hashlib.sha256(landed.key.encode()).hexdigest()
    return f"{use_case}/{folder}{key}/{landed.version_id}/"


def _measure(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
