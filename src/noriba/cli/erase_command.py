"""`erase`: a request for deletion, from the raw object to the snapshots and the models that knew it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.aws.erasure import Places, delete_objects, plan_erasure
from noriba.aws.objects import ObjectStore
from noriba.cli.output import AsJson, print_json, print_line, print_table, show_progress
from noriba.cli.session import THE_PREFIX, THE_USE_CASE, Prefix, Session, UseCaseName
from noriba.cli.waiting import POLL_S, StepFailedError

if TYPE_CHECKING:
    from noriba.records.erasure import Erasure

_REMAINS = (
    "what stays: models that were trained on it (listed above; train anew and approve), the event archive and the logs "
    "(keys and counts, never rows), and the ledger's backups, each until its own end"
)


def erase(
    key: Annotated[str, typer.Argument(help="The object's key in the raw bucket, or its name within the use case.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, and on whose request; stands in the audit trail.")],
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a landed object for good: all its versions, its rows in datasets and quarantine, its place in snapshots.

    With your own credentials, which stand in the audit trail. Interrupted, it is finished by the same command.
    """
    session = Session(prefix, use_case)
    whole_key = key if key.startswith(f"{use_case}/") else f"{use_case}/{key}"
    places = find_places(session)
    erasure = plan_erasure(
        session.ledger,
        places,
        whole_key,
        use_case=session.use_case.name,
        erased_by=session.clients.sts.get_caller_identity()["Arn"],
        reason=reason,
        now=datetime.now(UTC),
    )
    found = describe(session, erasure)
    if dry_run:
        _tell({"would_erase": found}, as_json=as_json)
        return
    if not yes:
        typer.confirm(f"Erase {whole_key} and all that was made of it? This cannot be undone", abort=True)
    with show_progress(f"erasing {whole_key}") as progress:
        session.ledger.begin_erasure(erasure)
        progress.update("committing the snapshot without it")
        commit_without(session)
        progress.update("deleting")
        removed = delete_objects(places, erasure)
        progress.done(f"{whole_key} is erased")
    _tell({"erased": found, "removed": removed}, as_json=as_json)


def find_places(session: Session) -> Places:
    """The deployment's buckets."""
    deployment, s3 = session.deployment, session.clients.s3
    return Places(
        raw=ObjectStore(s3, deployment.raw_bucket),
        datasets=ObjectStore(s3, deployment.datasets_bucket),
        quarantine=ObjectStore(s3, deployment.quarantine_bucket),
    )


def describe(session: Session, erasure: Erasure) -> dict[str, Any]:
    """What goes, and what knew it."""
    models = [
        package.version
        for package in session.registry.list_packages()
        if package.metadata.get("snapshot_id") in erasure.snapshots
    ]
    return {
        "key": erasure.key,
        "versions": len(erasure.versions),
        "dataset_objects": len(erasure.datasets_keys),
        "quarantine_objects": len(erasure.quarantine_keys),
        "rows_also_landed_as": list(erasure.shared_with),
        "snapshots_that_held_it": list(erasure.snapshots),
        "models_trained_on_it": models,
    }


def commit_without(session: Session, *, limit_s: float = 600.0) -> None:
    """Let SETTLE announce the erasure and commit the snapshot without the object.

    Raises:
        StepFailedError: it failed, or took too long; the objects still stand.
    """
    sfn = session.clients.stepfunctions
    machine = session.deployment.settle_machine_arn
    execution = sfn.start_execution(stateMachineArn=machine, input='{"execution": ""}')["executionArn"]
    end_s = time.monotonic() + limit_s
    while (found := session.history(machine).look_up(execution)) is not None and found.status == "RUNNING":
        if time.monotonic() > end_s:
            raise StepFailedError(f"SETTLE has not ended within {limit_s:.0f} s; erase again when it has")
        time.sleep(POLL_S)
    if found is None or found.failed:
        raise StepFailedError(f"SETTLE failed: {found and found.error}; mend the cause, then erase again")


def _tell(document: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for title, fields in document.items():
        rows = [
            (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else value)
            for name, value in fields.items()
        ]
        print_table(title.replace("_", " ").capitalize(), ("what", ""), rows)
    print_line(_REMAINS)
