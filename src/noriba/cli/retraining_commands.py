"""`retraining …`: when a model was trained anew, when it was not, and why."""

from __future__ import annotations

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Prefix, UseCaseName
from noriba.cli.output import print_json, print_table, write_time
from noriba.client import Session, list_retrainings

retraining = typer.Typer(name="retraining", help="Look back on decisions to train, or not to.", no_args_is_help=True)


@retraining.callback()
def _group() -> None:
    """A group, though there is one command yet."""


@retraining.command()
def history(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """List retraining decisions: what asked, the answer, and why; with --json, all that the answer rests upon."""
    found = list_retrainings(Session(prefix, use_case))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    print_table(
        f"Retraining decisions of {use_case}",
        ("decided (UTC)", "cause", "outcome", "reason", "snapshot"),
        [(write_time(one.decided_at), one.cause, one.outcome, one.reason, one.snapshot_id) for one in found],
    )
