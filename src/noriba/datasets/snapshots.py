"""A snapshot: the manifest of an immutable dataset version.

Its id is made from content alone, so the same data give the same id in whatever order and under whatever names they
arrived.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from noriba.errors import NotEnoughDataError
from noriba.records.snapshot import IngestedObject, Part, SnapshotManifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from noriba.usecase import UseCase


def build_manifest(use_case: UseCase, objects: Iterable[IngestedObject], *, bucket: str) -> SnapshotManifest:
    """The snapshot of everything ingested so far: of each key the latest version, of each content one part.

    Raises:
        NotEnoughDataError: no row was kept.
    """
    latest = keep_latest(objects)
    parts = sorted({part.sha256: part for item in latest for part in item.parts}.values(), key=lambda part: part.sha256)
    if not parts:
        raise NotEnoughDataError(f"no row of {use_case.name} was kept; see the quarantine for the reasons")
    kept = sum(part.rows for part in parts)
    quarantined = sum(item.rows_quarantined for item in latest)
    return SnapshotManifest(
        use_case=use_case.name,
        snapshot_id=name_snapshot(use_case, parts),
        bucket=bucket,
        label=use_case.data.label,
        event_time=use_case.data.event_time,
        rows_read=kept + quarantined,
        rows_kept=kept,
        rows_quarantined=quarantined,
        rows_repeated=sum(item.rows_kept for item in latest) - kept,
        first_s=min(part.first_s for part in parts),
        last_s=max(part.last_s for part in parts),
        parts=tuple(parts),
        objects=tuple(latest),
    )


def keep_latest(objects: Iterable[IngestedObject]) -> list[IngestedObject]:
    """Of each key the latest version, ordered by key.

    Sequencers are compared as strings, the shorter padded with zeros on the right:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    found = list(objects)
    width = max((len(item.sequencer) for item in found), default=0)
    by_time = sorted(found, key=lambda item: item.sequencer.ljust(width, "0"))
    latest = {item.key: item for item in by_time}
    return [latest[key] for key in sorted(latest)]


def name_snapshot(use_case: UseCase, parts: Sequence[Part]) -> str:
    """`snap-` and 16 hex digits over the use case, its label and the parts' contents."""
    content = {
        "use_case": use_case.name,
        "label": use_case.data.label,
        "parts": sorted(part.sha256 for part in parts),
    }
    return f"snap-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}"


def write_channel_manifest(manifest: SnapshotManifest) -> str:
    """The parts as SageMaker's manifest: a prefix, then keys relative to it.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
    """
    prefix = f"{manifest.use_case}/parts/"
    names = [part.key.removeprefix(prefix) for part in manifest.parts]
    return json.dumps([{"prefix": f"s3://{manifest.bucket}/{prefix}"}, *names])
