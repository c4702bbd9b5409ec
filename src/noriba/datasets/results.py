"""What the chunks of an object reported, as one record of the object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from noriba.errors import RefusedObjectError
from noriba.records.snapshot import IngestedObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.records.ingest import ChunkResult, FilePlan, LandedObject

_MOST_TOLD = 10
"""A state holds 256 KiB, and there may be a thousand chunks."""


def merge_results(
    results: Sequence[ChunkResult], landed: LandedObject, plan: FilePlan, *, source: str
) -> IngestedObject:
    """One record of all chunks.

    Args:
        results: one of each chunk, in any order.
        landed: the object.
        plan: in which chunks it was to be read.
        source: what kind of file it is.

    Raises:
        RefusedObjectError: a chunk could not be read.
        RuntimeError: a chunk has not reported; the map that ran them said it had.
    """
    if len(results) != len(plan.chunks):
        raise RuntimeError(f"{len(plan.chunks)} chunks were planned, {len(results)} reported")
    if refused := [f"chunk {result.index}: {result.refused}" for result in results if result.refused]:
        raise RefusedObjectError("; ".join(refused[:_MOST_TOLD]))
    reasons: Counter[str] = Counter()
    for result in results:
        reasons.update(result.reasons)
    return IngestedObject(
        key=landed.key,
        version_id=landed.version_id,
        sequencer=landed.sequencer,
        source=source,
        rows_read=sum(result.rows_read for result in results),
        rows_kept=sum(result.rows_kept for result in results),
        rows_quarantined=sum(result.rows_quarantined for result in results),
        reasons=dict(reasons),
        quarantine_keys=tuple(result.quarantine_key for result in results if result.quarantine_key),
        parts=tuple(result.part for result in results if result.part),
    )
