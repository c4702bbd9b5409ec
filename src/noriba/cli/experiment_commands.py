"""`experiment …`: two models met by two groups of people, and what the business gets out of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path  # noqa: TC003  # typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Limit, MisuseError, Prefix, Reason, UseCaseName
from noriba.cli.output import print_json, print_line, print_table, show_progress, write_time
from noriba.client import (
    Session,
    draw_experiment,
    follow_rollout,
    read_experiment,
    start_experiment,
    stop_experiment,
)
from noriba.client.experiments import FEWEST_PERCENT, MOST_PERCENT
from noriba.client.waiting import ROLLOUT_LIMIT_S

if TYPE_CHECKING:
    from noriba.client import MetricEffect, SplitReport

experiment = typer.Typer(
    name="experiment",
    help="Let some people meet another model for a while, and see what comes of it.",
    no_args_is_help=True,
)


@experiment.command()
def start(  # noqa: PLR0913  # what a command may be told
    version: Annotated[int, typer.Argument(help="An approved version that is not the champion.")],
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    percent: Annotated[
        int, typer.Option(help="Of the subjects, to that version.", min=FEWEST_PERCENT, max=MOST_PERCENT)
    ] = 50,
    days: Annotated[float, typer.Option(help="How long, unless it is stopped before; up to 28.", min=0.001)] = 14.0,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until both models answer.")] = True,
    limit: Limit = ROLLOUT_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """Begin an experiment: each subject meets one of the two models for its length."""
    session = Session(prefix, use_case)
    begun = start_experiment(session, version=version, percent=percent, lasts=timedelta(days=days), reason=reason)
    with show_progress(f"bringing version {version} beside version {begun.serving}") as progress:
        if wait:
            follow_rollout(session, begun, limit_s=limit, progress=progress)
            progress.done(f"version {version} answers {percent} % of the subjects; see `noriba experiment report`")
    if as_json:
        print_json({"version": version, "champion": begun.serving, "percent": percent, "comparing": wait})


@experiment.command()
def report(
    execution: Annotated[
        str | None, typer.Argument(help="An experiment, by its execution in `noriba rollout history --json`.")
    ] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    picture: Annotated[Path | None, typer.Option(help="Where to draw how the bounds closed, as an SVG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is known of an experiment, the newest when none is named, by bounds that may be looked at for ever."""
    session = Session(prefix, use_case)
    found = read_experiment(session, execution=execution)
    if picture is not None:
        try:
            picture.write_text(draw_experiment(found), encoding="utf-8")
        except OSError as error:
            raise MisuseError(f"--picture {str(picture)!r} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    over = "runs" if found.status == "running" else f"{found.status}, {write_time(found.until)}"
    print_table(
        f"Version {found.version} beside the champion since {write_time(found.since)}; {over}",
        ("metric", "champion", "challenger", "difference", "bounds", "predictions", "the challenger is"),
        [_write_effect(metric) for metric in found.metrics],
    )
    print_line(f"All bounds together hold with {found.confidence:.0%}, however often you look.")
    print_line(_write_split(found.split))
    if found.without_subject:
        print_line(f"{found.without_subject} answers were to requests without `subject`; they do not count.")
    if found.unreadable_lines:
        print_line(f"{found.unreadable_lines} lines of captures, outcomes and metrics could not be read.")


@experiment.command()
def stop(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    reason: Reason,
    limit: Limit = ROLLOUT_LIMIT_S,
    as_json: AsJson = False,
) -> None:
    """End the experiment that is under way, and wait until production is the champion's alone."""
    with show_progress("ending the experiment") as progress:
        stop_experiment(Session(prefix, use_case), reason=reason, limit_s=limit, progress=progress)
        progress.done("the experiment is over; production is the champion's")
    if as_json:
        print_json({"stopped": True})


def _write_effect(metric: MetricEffect) -> tuple[object, ...]:
    unit = f" {metric.unit}" if metric.unit else ""
    bounds = "too little is known"
    if metric.lower is not None and metric.upper is not None:
        bounds = f"{metric.lower:+.3g} to {metric.upper:+.3g}{unit}"
    numbers = (metric.champion, metric.challenger)
    means = [None if number is None else f"{number:.4g}{unit}" for number in numbers]
    difference = None if metric.estimate is None else f"{metric.estimate:+.3g}{unit}"
    says = {"better": "better", "worse": "worse", "unclear": "not known to differ"}[metric.says]
    return metric.name, *means, difference, bounds, metric.n, says


def _write_split(split: SplitReport) -> str:
    if split.share is None or split.uneven is None:
        return f"{split.requests} requests with a subject: too few to say whether they are split as they should be."
    found = (
        f"The challenger answered {split.share:.1%} of {split.requests} requests; {split.expected:.0%} were its share"
    )
    if split.uneven:
        return f"{found}. The two groups are not alike: find out why before you believe any difference."
    return f"{found}, and by chance it may be so."
