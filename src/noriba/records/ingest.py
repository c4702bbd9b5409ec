"""What the steps of one ingest tell each other."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from noriba.events import S3ObjectCreated
from noriba.records.snapshot import Part

FileFormat: TypeAlias = Literal["parquet", "csv"]


class LandedObject(BaseModel):
    """One object version, from the event that announced it."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    bucket: str
    key: str
    version_id: str
    sequencer: str
    size: int

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Self:
        """The object that S3's event announces; the first part of its key is the use case."""
        created = S3ObjectCreated.parse(event)
        return cls(
            use_case=created.object.key.partition("/")[0],
            bucket=created.bucket.name,
            key=created.object.key,
            version_id=created.object.version_id,
            sequencer=created.object.sequencer,
            size=created.object.size,
        )


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
    return f"{landed.use_case}/ingest/{landed.key}/{landed.version_id}/"


def name_quarantine(landed: LandedObject, chunk_index: int) -> str:
    """Where a chunk's refused rows wait for repair."""
    return f"{landed.use_case}/{landed.key}/{landed.version_id}/chunk-{chunk_index:05d}.parquet"


def name_refusal(landed: LandedObject) -> str:
    """Where the reason stands why a whole object was refused."""
    return f"{landed.use_case}/{landed.key}/{landed.version_id}/refused.json"
