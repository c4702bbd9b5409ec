"""What the demo and its scenarios do alike: land files, and see that a candidate is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.client import REJECTED, StepFailedError, land_files, wait_for_objects, wait_for_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noriba.aws.registry import ModelPackage
    from noriba.client import Landing, Progress, Session
    from noriba.records.snapshot import SnapshotManifest

LIMIT_S = 1800.0


def land(session: Session, files: Sequence[Path], progress: Progress) -> tuple[Landing, SnapshotManifest]:
    """Land files, and wait for the snapshot that holds them.

    Raises:
        StepFailedError: no row of any file was kept.
    """
    landing = land_files(session, files, progress=progress)
    landing = wait_for_objects(session, landing, limit_s=LIMIT_S, progress=progress)
    manifest = wait_for_snapshot(session, landing, limit_s=LIMIT_S)
    if manifest is None:
        raise StepFailedError(f"no row of any file was kept; refused files: {landing.refused or 'none'}")
    return landing, manifest


def check_gates(package: ModelPackage) -> None:
    """See that a candidate may be approved.

    Raises:
        StepFailedError: a gate has refused it.
    """
    if package.status == REJECTED:
        raise StepFailedError(f"the gates refused the candidate: {package.note}")
