"""A request to erase what was landed, and what it found."""

from __future__ import annotations

import hashlib

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from noriba.records.ingest import LandedObject  # pydantic reads it


class Erasure(BaseModel):
    """One raw object, all its versions, and everything that was made of it alone.

    Written before anything is deleted, so that whoever comes after an interruption knows what was to go.
    """

    model_config = ConfigDict(frozen=True)

    use_case: str
    key: str
    versions: tuple[LandedObject, ...] = Field(description="those that the ledger knows")
    erased_by: str = Field(description="ARN of who asked")
    reason: str
    begun_at: AwareDatetime
    datasets_keys: tuple[str, ...] = Field(description="parts and reports; parts that other objects share are not here")
    quarantine_keys: tuple[str, ...]
    shared_with: tuple[str, ...] = Field(description="keys of objects that hold some of the same rows, and stay")
    snapshots: tuple[str, ...] = Field(description="snapshots that hold its rows; they can be trained on no more")

    @property
    def name(self) -> str:
        """The same object, erased again, has the same name."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]
