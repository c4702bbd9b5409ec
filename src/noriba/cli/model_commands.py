"""`models`, `approve`, `reject`, `retrain`: the registry and what leads to it."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.aws.bus import EventBus
from noriba.cli.output import AsJson, print_json, print_line, print_table, show_progress, write_time
from noriba.cli.rollouts import approve_package, wait_for_rollout
from noriba.cli.session import THE_PREFIX, THE_USE_CASE, Prefix, Session, UseCaseName
from noriba.errors import NoribaError
from noriba.events import RetrainingRequested

if TYPE_CHECKING:
    from noriba.aws.ledger import Champion
    from noriba.aws.registry import ModelPackage

WAITING = "PendingManualApproval"

Version = Annotated[int | None, typer.Argument(help="A version; the newest that waits when left out.")]
Note = Annotated[str, typer.Option("--note", help="Why; stands in the registry.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the model answers in production.")]
Limit = Annotated[float, typer.Option("--limit", help="Seconds to wait at most.")]


class NoSuchModelError(NoribaError):
    """No model of that version, or none that waits."""


def models(
    version: Annotated[int | None, typer.Argument(help="One model, with its card.")] = None,
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    as_json: AsJson = False,
) -> None:
    """List candidates and champions; or show one model with its card and lineage."""
    session = Session(prefix, use_case)
    champion = session.ledger.read_champion()
    if version is not None:
        package = find_package(session, version)
        card = json.loads(session.registry.read_card(package.arn))
        print_json({**_describe(package, champion), "lineage": package.metadata, "card": card})
        return
    found = [_describe(package, champion) for package in session.registry.list_packages()]
    if as_json:
        print_json(found)
        return
    columns = ("version", "status", "champion", "created (UTC)", "mae", "baseline mae", "coverage", "snapshot", "note")
    print_table(f"Models of {use_case}", columns, [_to_row(model) for model in found])


def approve(
    version: Version = None,
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    note: Note = "approved with `noriba approve`",
    wait: Wait = True,
    limit: Limit = 3600.0,
    as_json: AsJson = False,
) -> None:
    """Approve a candidate as the approver, or an earlier version to go back to it; its rollout begins."""
    session = Session(prefix, use_case)
    package = find_package(session, version)
    with show_progress(f"approving version {package.version}") as progress:
        approval = approve_package(session, package, note=note)
        progress.done(approval.describe())
        if wait:
            wait_for_rollout(session, approval, limit_s=limit, progress=progress)
            progress.done(f"version {package.version} answers in production")
    if as_json:
        print_json({"model_package_arn": package.arn, "version": package.version, "in_production": wait})


def reject(
    version: Version = None,
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    note: Note = "rejected with `noriba reject`",
    as_json: AsJson = False,
) -> None:
    """Reject a candidate as the approver."""
    session = Session(prefix, use_case)
    package = find_package(session, version)
    session.as_approver().reject(package.arn, note=note)
    champion = session.ledger.read_champion()
    serves = champion is not None and champion.model_package_arn == package.arn
    if as_json:
        print_json({"model_package_arn": package.arn, "version": package.version, "in_production": serves})
        return
    print_line(f"version {package.version} rejected")
    if serves:
        print_line("It goes on answering in production until another version is approved: noriba approve VERSION")


def retrain(
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    note: Note = "asked for with `noriba retrain`",
    as_json: AsJson = False,
) -> None:
    """Ask for training on the newest snapshot, old data or not; the decision and its reason are recorded."""
    session = Session(prefix, use_case)
    bus = EventBus(session.clients.events, session.deployment.bus_name)
    event_id = bus.publish(RetrainingRequested(use_case=session.use_case.name, cause=note))
    if as_json:
        print_json({"event_id": event_id})
    else:
        print_line("asked; see `noriba models` for the candidate and `noriba logs decide-retraining` for the decision")


def find_package(session: Session, version: int | None) -> ModelPackage:
    """The model of a version, or the newest that waits for approval.

    Raises:
        NoSuchModelError: there is none; the message names those there are.
    """
    found = list(session.registry.list_packages())
    for package in found:
        if package.version == version or (version is None and package.status == WAITING):
            return package
    wanted = "no model waits for approval" if version is None else f"no version {version}"
    there = ", ".join(f"{package.version} ({package.status})" for package in found) or "none"
    raise NoSuchModelError(f"{wanted}; versions of {session.use_case.name}: {there}")


def _describe(package: ModelPackage, champion: Champion | None) -> dict[str, Any]:
    numbers = ("mae", "rmse", "rmsle", "coverage", "claimed_coverage", "baseline_mae", "champion_mae")
    return {
        "version": package.version,
        "status": package.status,
        "champion": champion is not None and champion.model_package_arn == package.arn,
        "created_at": package.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "arn": package.arn,
        "snapshot_id": package.metadata.get("snapshot_id"),
        "note": package.note,
        "metrics": {name: float(package.metadata[name]) for name in numbers if name in package.metadata},
    }


def _to_row(model: dict[str, Any]) -> list[object]:
    metrics = model["metrics"]
    return [
        model["version"],
        model["status"],
        "★" if model["champion"] else "",
        write_time(model["created_at"]),
        f"{metrics['mae']:.1f}" if "mae" in metrics else None,
        f"{metrics['baseline_mae']:.1f}" if "baseline_mae" in metrics else None,
        f"{metrics['coverage']:.3f}" if "coverage" in metrics else None,
        model["snapshot_id"],
        model["note"],
    ]
