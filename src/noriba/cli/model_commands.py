"""`models`, `approve`, `reject`, `retrain`: the registry and what leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Limit, Prefix, UseCaseName, WaitForRollout
from noriba.cli.output import (
    print_fields,
    print_json,
    print_line,
    print_table,
    say_what_goes_on,
    show_progress,
    write_time,
)
from noriba.client import (
    Session,
    approve_model,
    describe_approval,
    find_candidate,
    find_model,
    follow_rollout,
    list_models,
    read_model,
    reject_model,
    request_training,
    wait_for_answer,
    wait_for_candidate,
)
from noriba.client.waiting import ROLLOUT_LIMIT_S, TRAINING_LIMIT_S

if TYPE_CHECKING:
    from noriba.client import Model, ModelDetails

Version = Annotated[int | None, typer.Argument(help="A version; the newest that waits when left out.")]
Cause = Annotated[str, typer.Option("--note", help="Why; stands in the event that asks, and in the bus's archive.")]
Note = Annotated[str, typer.Option("--note", help="Why; stands in the registry.")]
WaitForCandidate = Annotated[bool, typer.Option("--wait", help="Wait until the model is trained and registered.")]


def models(
    version: Annotated[int | None, typer.Argument(help="One model, with its lineage; its card with --json.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    as_json: AsJson = False,
) -> None:
    """List candidates and champions; or show one model with its lineage."""
    session = Session(prefix, use_case)
    if version is not None:
        details = read_model(session, version)
        if as_json:
            print_json(details.model_dump(mode="json"))
        else:
            _print_details(details)
        return
    found = list_models(session)
    if as_json:
        print_json([model.model_dump(mode="json") for model in found])
        return
    columns = ("version", "status", "champion", "created (UTC)", "mae", "baseline mae", "coverage", "snapshot", "note")
    print_table(f"Models of {use_case}", columns, [_to_row(model) for model in found])


def approve(
    version: Version = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    note: Note = "approved with `noriba approve`",
    wait: WaitForRollout = True,
    limit: Limit = ROLLOUT_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """Approve a candidate as the approver, or an earlier version to go back to it; its rollout begins.

    Waits until the version answers in production, or until it waits for outcomes, which may take days. An experiment
    that runs ends for it.
    """
    session = Session(prefix, use_case)
    package = find_candidate(session, version)
    with show_progress(f"approving version {package.version}") as progress:
        begun = approve_model(session, package, note=note)
        progress.done(describe_approval(begun))
        goes_on = f"version {package.version} is approved and its rollout goes on: noriba rollout status"
        with say_what_goes_on(goes_on):
            serves = wait and follow_rollout(session, begun, limit_s=limit, progress=progress)
        if serves:
            progress.done(f"version {package.version} answers in production")
        elif wait:
            progress.done(f"version {package.version} is compared with version {begun.serving}, by what really happens")
    if as_json:
        document = {"model_package_arn": package.arn, "version": package.version, "in_production": serves}
        print_json({**document, "ended_experiment": begun.tried})
    elif wait and not serves:
        print_line("It takes over by itself when outcomes say so: noriba rollout status")


def reject(
    version: Version = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    note: Note = "rejected with `noriba reject`",
    as_json: AsJson = False,
) -> None:
    """Reject a candidate as the approver; what a rollout or an experiment needs is rejected when that has ended."""
    session = Session(prefix, use_case)
    package = find_model(session, version)
    serves = reject_model(session, package, note=note)
    if as_json:
        print_json({"model_package_arn": package.arn, "version": package.version, "in_production": serves})
        return
    print_line(f"version {package.version} rejected")
    if serves:
        print_line("It goes on answering in production until another version is approved: noriba approve VERSION")


def retrain(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    note: Cause = "asked for with `noriba retrain`",
    wait: WaitForCandidate = False,
    limit: Limit = TRAINING_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """Ask for training on the newest snapshot, old data or not; the decision and its reason are recorded."""
    session, package = Session(prefix, use_case), None
    event_id = request_training(session, cause=note)
    if wait:
        with show_progress("training") as progress:
            decision = wait_for_answer(session, event_id, limit_s=limit)
            package = wait_for_candidate(session, decision, limit_s=limit, progress=progress)
    if as_json:
        print_json({"event_id": event_id, "version": package and package.version})
    elif package is not None:
        print_line(f"version {package.version} is {package.status}; see `noriba models {package.version}`")
    else:
        print_line("asked; see `noriba retraining history` for the decision and `noriba models` for the candidate")


def _print_details(details: ModelDetails) -> None:
    print_fields(details.model_dump(exclude={"metrics", "lineage", "card"}))
    print_table("Metrics on the hold-out", ("metric", "value"), [(n, f"{v:.4g}") for n, v in details.metrics.items()])
    lineage = {name: value for name, value in details.lineage.items() if name not in details.metrics}
    print_table("Where it came from", ("what", "which"), sorted(lineage.items()))


def _to_row(model: Model) -> list[object]:
    metrics = model.metrics
    return [
        model.version,
        model.status,
        "★" if model.champion else "",
        write_time(model.created_at),
        f"{metrics['mae']:.4g}" if "mae" in metrics else None,
        f"{metrics['baseline_mae']:.4g}" if "baseline_mae" in metrics else None,
        f"{metrics['coverage']:.3f}" if "coverage" in metrics else None,
        model.snapshot_id,
        model.note,
    ]
