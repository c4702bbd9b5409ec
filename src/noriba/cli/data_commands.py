"""`land` and `datasets`: raw files in, snapshots out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.cli.output import AsJson, print_json, print_line, print_table, show_progress, write_time
from noriba.cli.session import THE_PREFIX, THE_USE_CASE, Prefix, Session, UseCaseName
from noriba.cli.waiting import StepFailedError, wait_for_objects, wait_for_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.aws.ledger import ObjectState
    from noriba.cli.output import Progress
    from noriba.records.snapshot import SnapshotManifest

Files = Annotated[list[Path], typer.Argument(help="Parquet or CSV files.", exists=True, dir_okay=False, readable=True)]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the snapshot is there.")]
Limit = Annotated[float, typer.Option("--limit", help="Seconds to wait at most.")]


def land(
    files: Files,
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    wait: Wait = True,
    limit: Limit = 1800.0,
    as_json: AsJson = False,
) -> None:
    """Land raw files: upload them, and wait for the snapshot that holds them."""
    session = Session(prefix, use_case)
    with show_progress("landing") as progress:
        landed = upload_files(session, files, progress)
        states = wait_for_objects(session, landed, limit_s=limit, progress=progress) if wait else {}
        manifest = find_snapshot(session, states, limit_s=limit) if wait else None
    document = {
        "landed": landed,
        "objects": {key: state.model_dump(exclude_none=True) for key, state in states.items()},
        "snapshot_id": manifest.snapshot_id if manifest else None,
    }
    if as_json:
        print_json(document)
    else:
        _print_objects(landed, states, manifest)
    if states and all(state.status == "refused" for state in states.values()):
        raise typer.Exit(1)


def upload_files(session: Session, files: Sequence[Path], progress: Progress) -> dict[str, str]:
    """Upload files into the raw bucket; the version id of each key.

    Raises:
        StepFailedError: two files have the same name, and the second would replace the first.
    """
    names = [path.name for path in files]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise StepFailedError(f"two files are named {', '.join(repeated)}; the key in S3 is the name, rename one")
    landed = {}
    for path in files:
        key = f"{session.use_case.name}/{path.name}"
        progress.update(f"uploading {path.name}")
        # The transfer manager sends large files in parts, several at a time.
        session.clients.s3.upload_file(str(path), session.deployment.raw_bucket, key)
        landed[key] = session.clients.s3.head_object(Bucket=session.deployment.raw_bucket, Key=key)["VersionId"]
    progress.done(f"{len(landed)} files in s3://{session.deployment.raw_bucket}/{session.use_case.name}/")
    return landed


def find_snapshot(session: Session, states: dict[str, ObjectState], *, limit_s: float) -> SnapshotManifest | None:
    """The snapshot of what was kept; None when no row was."""
    parts = {part.sha256 for state in states.values() if state.record for part in state.record.parts}
    return wait_for_snapshot(session, parts, limit_s=limit_s) if parts else None


def datasets(
    snapshot_id: Annotated[str | None, typer.Argument(help="One snapshot, whole.")] = None,
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    as_json: AsJson = False,
) -> None:
    """List snapshots and refused objects; or show one snapshot, object by object."""
    session = Session(prefix, use_case)
    if snapshot_id is not None:
        manifest = session.read_manifest(snapshot_id)
        if as_json:
            print_json(manifest.model_dump(mode="json"))
        else:
            _print_manifest(manifest)
        return
    found = [_summarise(session.read_manifest(name), created) for name, created in session.ledger.list_snapshots()]
    refused = session.ledger.list_refused()
    if as_json:
        print_json({"snapshots": found, "refused": refused})
        return
    columns = ("snapshot", "created (UTC)", "read", "kept", "quarantined", "repeated", "from", "to")
    rows = [{**item, "created_at": write_time(item["created_at"])} for item in found]
    print_table(f"Snapshots of {use_case}", columns, [list(row.values()) for row in rows])
    if refused:
        print_table("Refused objects", ("key", "reason"), list(refused.items()))


def _summarise(manifest: SnapshotManifest, created: datetime) -> dict[str, Any]:
    return {
        "snapshot_id": manifest.snapshot_id,
        "created_at": created.isoformat(timespec="seconds"),
        "rows_read": manifest.rows_read,
        "rows_kept": manifest.rows_kept,
        "rows_quarantined": manifest.rows_quarantined,
        "rows_repeated": manifest.rows_repeated,
        "from": _to_day(manifest.first_s),
        "to": _to_day(manifest.last_s),
    }


def _print_manifest(manifest: SnapshotManifest) -> None:
    for name, value in _summarise(manifest, datetime.now(UTC)).items():
        if name != "created_at":
            print_line(f"{name}: {value}")
    rows = [
        (item.key, item.source, item.rows_read, item.rows_kept, item.rows_quarantined, _write_reasons(item.reasons))
        for item in manifest.objects
    ]
    print_table("Objects", ("key", "source", "read", "kept", "quarantined", "reasons"), rows)


def _print_objects(landed: dict[str, str], states: dict[str, ObjectState], manifest: SnapshotManifest | None) -> None:
    rows: list[tuple[object, ...]] = []
    for key in landed:
        state = states.get(key)
        record = state.record if state else None
        rows.append(
            (
                key,
                state.status if state else "landed",
                record.rows_read if record else None,
                record.rows_kept if record else None,
                record.rows_quarantined if record else None,
                _write_reasons(record.reasons) if record else (state.reason if state else None),
            )
        )
    print_table("", ("object", "state", "read", "kept", "quarantined", "reasons"), rows)
    if manifest:
        print_line(f"snapshot {manifest.snapshot_id}: {manifest.rows_kept} rows")


def _write_reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(reasons.items(), key=lambda item: -item[1]))


def _to_day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
