"""`land` and `gather`: raw files in, and what production was asked; `datasets`: snapshots out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noriba.cli.options import (
    DEFAULT_PREFIX,
    DEFAULT_USE_CASE,
    AsJson,
    Limit,
    MisuseError,
    Prefix,
    UseCaseName,
    read_day,
)
from noriba.cli.output import (
    print_fields,
    print_json,
    print_line,
    print_problem,
    print_table,
    show_progress,
    write_time,
)
from noriba.client import (
    Landing,
    Session,
    explain_rejection,
    gather_traffic,
    land_files,
    list_refused,
    list_snapshots,
    read_snapshot,
    summarise_snapshot,
    wait_for_candidate,
    wait_for_decision,
    wait_for_objects,
    wait_for_snapshot,
)
from noriba.client.waiting import DATA_LIMIT_S

if TYPE_CHECKING:
    from noriba.client import ModelPackage
    from noriba.records.snapshot import SnapshotManifest


class WaitFor(StrEnum):
    """How far to wait."""

    NOTHING = "nothing"
    SNAPSHOT = "snapshot"
    CANDIDATE = "candidate"


Files = Annotated[list[Path], typer.Argument(help="Parquet or CSV files.", exists=True, dir_okay=False, readable=True)]
Wait = Annotated[WaitFor, typer.Option("--wait", help="Wait for the snapshot, or for the model trained on it as well.")]

Day = Annotated[
    date | None,
    typer.Option(
        "--day",
        parser=read_day,
        metavar="DATE",
        help="This UTC day (such as 2026-03-01) as it stands now, instead of those that are due.",
    ),
]


def land(
    files: Files,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    wait: Wait = WaitFor.SNAPSHOT,
    limit: Limit = DATA_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """Land raw files: upload them, and wait for the snapshot that holds them. Training begins by itself."""
    session, manifest, package = Session(prefix, use_case), None, None
    with show_progress("landing") as progress:
        landing = land_files(session, files, progress=progress)
        if wait != WaitFor.NOTHING:
            landing = wait_for_objects(session, landing, limit_s=limit, progress=progress)
            manifest = wait_for_snapshot(session, landing, limit_s=limit, progress=progress)
        if wait == WaitFor.CANDIDATE and manifest is not None:
            progress.done(f"snapshot {manifest.snapshot_id}: {manifest.rows_kept} rows")
            decision = wait_for_decision(session, manifest.snapshot_id, limit_s=limit)
            package = wait_for_candidate(session, decision, limit_s=limit, progress=progress)
    if as_json:
        print_json(
            {
                "landed": dict(landing.versions),
                "objects": {key: state.model_dump(exclude_none=True) for key, state in landing.states.items()},
                "snapshot_id": manifest and manifest.snapshot_id,
                "version": package and package.version,
            }
        )
    else:
        _print_landing(landing, manifest, package)
    for record in landing.rejected.values():
        print_problem(explain_rejection(session, record))
    if landing.states and len(landing.refused) + len(landing.rejected) == len(landing.states):
        raise typer.Exit(1)


def gather(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Gather predictions whose outcomes are known as training rows, which the clock does by itself every day."""
    today = datetime.now(UTC).date()
    if day is not None and day > today:
        raise MisuseError(f"--day {day} is to come, and has no traffic yet; today is {today} (UTC)")
    days = gather_traffic(Session(prefix, use_case), day=day)
    if as_json:
        print_json([one.model_dump(mode="json") for one in days])
        return
    columns = ("day (UTC)", "rows", "landed", "no outcome", "no inputs", "contradicted", "not begun", "left out")
    rows = [
        (
            one.day,
            one.rows,
            "erased" if one.erased else "yes" if one.written else None,
            one.without_outcome,
            one.without_inputs,
            one.contradicted,
            one.not_begun,
            one.left_out,
        )
        for one in days
    ]
    print_table(f"Traffic of {use_case}", columns, rows)
    if any(one.written for one in days):
        print_line("It is being ingested; see noriba datasets")


def datasets(
    snapshot_id: Annotated[str | None, typer.Argument(help="One snapshot, whole.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    as_json: AsJson = False,
) -> None:
    """List snapshots and refused objects; or show one snapshot, object by object."""
    session = Session(prefix, use_case)
    if snapshot_id is not None:
        manifest = read_snapshot(session, snapshot_id)
        if as_json:
            print_json(manifest.model_dump(mode="json"))
        else:
            _print_manifest(manifest)
        return
    found, refused = list_snapshots(session), list_refused(session)
    if as_json:
        print_json({"snapshots": [one.model_dump(mode="json") for one in found], "refused": refused})
        return
    columns = ("snapshot", "created (UTC)", "read", "kept", "quarantined", "repeated", "from", "to")
    rows = [
        (
            one.snapshot_id,
            write_time(one.created_at),
            one.rows_read,
            one.rows_kept,
            one.rows_quarantined,
            one.rows_repeated,
            one.first_day,
            one.last_day,
        )
        for one in found
    ]
    print_table(f"Snapshots of {use_case}", columns, rows)
    if refused:
        print_table("Refused objects", ("key", "reason"), list(refused.items()))


def _print_manifest(manifest: SnapshotManifest) -> None:
    print_fields(summarise_snapshot(manifest).model_dump(exclude={"created_at"}))
    rows = [
        (item.key, item.source, item.rows_read, item.rows_kept, item.rows_quarantined, _write_reasons(item.reasons))
        for item in manifest.objects
    ]
    print_table("Objects", ("key", "source", "read", "kept", "quarantined", "reasons"), rows)


def _print_landing(landing: Landing, manifest: SnapshotManifest | None, package: ModelPackage | None) -> None:
    rows: list[tuple[object, ...]] = []
    for key in landing.versions:
        state = landing.states.get(key)
        record = state.record if state else None
        counts = (record.rows_read, record.rows_kept, record.rows_quarantined) if record else (None, None, None)
        reasons = _write_reasons(record.reasons) if record else (state.reason if state else None)
        rows.append((key, state.status if state else "landed", *counts, reasons))
    print_table("", ("object", "state", "read", "kept", "quarantined", "reasons"), rows)
    if package is not None:
        print_line(f"model version {package.version}: {package.status}. Next: noriba models {package.version}")
    elif manifest is not None:
        print_line(f"snapshot {manifest.snapshot_id}: {manifest.rows_kept} rows")
        print_line("Training is being decided on; see noriba retraining history, and noriba models")


def _write_reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(reasons.items(), key=lambda item: -item[1]))
