"""`rollback`, and `rollout …`: how approvals fare, what became of them, and what a person may do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from noriba.cli.options import (
    DEFAULT_PREFIX,
    DEFAULT_USE_CASE,
    AsJson,
    Limit,
    Prefix,
    Reason,
    UseCaseName,
    WaitForRollout,
)
from noriba.cli.output import print_json, print_line, print_table, say_what_goes_on, show_progress, write_time
from noriba.client import (
    Session,
    abort_rollout,
    list_rollouts,
    pause_rollout,
    promote_challenger,
    read_rollout_status,
    roll_back,
    wait_for_rollout,
)
from noriba.client.waiting import ROLLOUT_LIMIT_S

rollout = typer.Typer(
    name="rollout", help="Follow the rollout that is under way, or take it in hand.", no_args_is_help=True
)


@rollout.command()
def status(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """Show the rollout that is under way: its stages, and what the comparison knows so far."""
    session = Session(prefix, use_case)
    found = read_rollout_status(session)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    print_table(
        f"Rollout of {use_case} since {write_time(found.started_at)}",
        ("stage", "began (UTC)", "verdict", "reason"),
        [
            (
                step.describe(),
                write_time(step.began_at),
                None if step.verdict is None else step.verdict.decision,
                None if step.verdict is None else step.verdict.reason,
            )
            for step in found.steps
        ],
    )
    if found.paused:
        print_line("It is paused: no verdict is given until `noriba rollout resume`.")
    if found.champion is not None:
        print_line(f"Version {found.challenger} is compared with version {found.champion}.")
    if found.looks:
        latest = found.looks[-1]
        print_line(f"{latest.outcomes} outcomes compared; {found.waiting} requests still wait.")
        if latest.lower is not None and latest.upper is not None:
            unit = session.use_case.answer.unit
            print_line(
                f"Its error less the champion's: between {latest.lower:.3g} and {latest.upper:.3g} {unit} "
                "(all of it below 0 would be better, all of it above 0 worse)."
            )


@rollout.command()
def history(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """List rollouts: which version, how it ended, and why; with --json, every stage and the verdict on it."""
    found = list_rollouts(Session(prefix, use_case))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    print_table(
        f"Rollouts of {use_case}",
        ("version", "status", "began (UTC)", "seconds", "cause", "failure"),
        [
            (
                one.version,
                one.status,
                write_time(one.started_at),
                None if one.ended_at is None else f"{(one.ended_at - one.started_at).total_seconds():.0f}",
                one.cause,
                one.failure,
            )
            for one in found
        ],
    )


@rollout.command()
def pause(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """Hold back verdicts, so that the rollout stays in its stage."""
    compares = pause_rollout(Session(prefix, use_case), paused=True)
    stays = "both models stay as they are" if compares else "it goes on to where models are compared, and stays there"
    _say(f"paused; {stays} until `noriba rollout resume`", {"paused": True}, as_json=as_json)


@rollout.command()
def resume(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """Let verdicts come again."""
    pause_rollout(Session(prefix, use_case), paused=False)
    _say("resumed; the next look is within a minute", {"paused": False}, as_json=as_json)


@rollout.command()
def promote(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Let the challenger into the next stage on your word, whatever outcomes say; recorded with who and why."""
    stage = promote_challenger(Session(prefix, use_case), reason=reason)
    _say(f"promoted out of the {stage}; see `noriba rollout status`", {"promoted": True}, as_json=as_json)


@rollout.command()
def abort(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    limit: Limit = ROLLOUT_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """Stop the rollout that is under way, and wait until production is the champion's alone."""
    with show_progress("stopping the rollout") as progress:
        changed = abort_rollout(Session(prefix, use_case), reason=reason, limit_s=limit, progress=progress)
        was = "was changed, and is the champion's again" if changed else "was not touched"
        progress.done(f"the rollout is stopped; production {was}")
    if as_json:
        print_json({"production_was_changed": changed})


def _say(words: str, document: dict[str, bool], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_line(words)


def rollback(
    version: Annotated[
        int | None, typer.Argument(help="A version; the champion before this one when left out.")
    ] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    wait: WaitForRollout = True,
    limit: Limit = ROLLOUT_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """Go back to a version that was in production, without a new approval; who and why is recorded."""
    session = Session(prefix, use_case)
    back = roll_back(session, version=version, reason=reason)
    with show_progress(f"going back to version {back.package.version}") as progress:
        if back.tried is not None:
            progress.done(f"the experiment with version {back.tried} ends for it")
        if wait:
            with say_what_goes_on(f"the way back to version {back.package.version} goes on: noriba rollout status"):
                wait_for_rollout(session, back, limit_s=limit, progress=progress)
            left = (
                ""
                if back.serving in {None, back.package.version}
                else f"left {back.serving} for {back.package.version}: "
            )
            progress.done(f"{left}version {back.package.version} answers in production")
    if as_json:
        document = {"model_package_arn": back.package.arn, "version": back.package.version, "in_production": wait}
        print_json({**document, "ended_experiment": back.tried})
