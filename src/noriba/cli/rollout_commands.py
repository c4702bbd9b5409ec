"""`rollouts`, `rollback`, `abort`: what became of approvals, and how to take one back."""

from __future__ import annotations

from typing import Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Limit, Prefix, UseCaseName, WaitForRollout
from noriba.cli.output import print_json, print_table, show_progress, write_time
from noriba.client import Session, abort_rollout, list_rollouts, roll_back, wait_for_rollout

Version = Annotated[int | None, typer.Argument(help="A version; the champion before this one when left out.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; stands in the record of rollouts.")]


def rollouts(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """List rollouts: which version, how it ended, and why."""
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


def rollback(
    version: Annotated[
        int | None, typer.Argument(help="A version; the champion before this one when left out.")
    ] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    wait: WaitForRollout = True,
    limit: Limit = 3600.0,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier version that is still approved, without a new approval; who and why is recorded."""
    session = Session(prefix, use_case)
    back = roll_back(session, version=version, reason=reason)
    with show_progress(f"going back to version {back.package.version}") as progress:
        if wait:
            wait_for_rollout(session, back, limit_s=limit, progress=progress)
            progress.done(f"version {back.package.version} answers in production")
    if as_json:
        print_json({"model_package_arn": back.package.arn, "version": back.package.version, "in_production": wait})


def abort(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    limit: Limit = 3600.0,
    as_json: AsJson = False,
) -> None:
    """Stop the rollout that is under way, and see that production serves the champion."""
    session = Session(prefix, use_case)
    with show_progress("stopping the rollout") as progress:
        back = abort_rollout(session, reason=reason, progress=progress)
        if back is not None:
            progress.done(f"production was changed already; going back to version {back.package.version}")
            wait_for_rollout(session, back, limit_s=limit, progress=progress)
        progress.done("the rollout is stopped; production serves the champion")
    if as_json:
        print_json({"went_back_to": None if back is None else back.package.version})
