"""`why`: what a prediction was made of, by which model, and what happened then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Prefix, UseCaseName
from noriba.cli.output import print_fields, print_json, print_line, print_table, write_time
from noriba.client import Session, read_why
from noriba.usecase import explain_column

if TYPE_CHECKING:
    from noriba.client import Answered, VersionAnswer, Why
    from noriba.usecase import UseCase


def why(
    prediction_id: Annotated[str, typer.Argument(help="As it stands in the answer.")],
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    hours: Annotated[float, typer.Option("--hours", help="How far back to look.", min=0, max=2160)] = 24.0,
    contributions: Annotated[
        bool,
        typer.Option("--contributions/--no-contributions", help="Ask its model again, which needs LightGBM here."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Say why a prediction was made: what was asked, which model answered, what of, and what really happened."""
    until, session = datetime.now(UTC), Session(prefix, use_case)
    found = read_why(
        session, prediction_id, since=until - timedelta(hours=hours), until=until, contributions=contributions
    )
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    print_why(session.use_case, found)


def print_why(use_case: UseCase, found: Why) -> None:
    """All that is known, in words."""
    print_fields(
        {
            "prediction": found.prediction_id,
            "answered at": f"{found.answered_at:%Y-%m-%d %H:%M:%S} UTC",
            "candidates": len(found.versions[0].candidates),
            "answered by": [f"version {version.model_version}" for version in found.versions],
        }
    )
    for version in found.versions:
        _print_version(use_case, found, version)


def _print_version(use_case: UseCase, found: Why, version: VersionAnswer) -> None:
    print_line("")
    origin = {} if version.origin is None else version.origin.model_dump()
    if origin:
        origin["changed_at"] = write_time(origin["changed_at"])
    print_fields({"version": version.model_version, **origin})
    if version.origin is None:
        print_line("the registry has this version no more")
    for candidate in version.candidates:
        _print_candidate(use_case, found.unit, candidate)
    if version.unexplained is not None:
        print_line(f"no contributions: {version.unexplained}")


def _print_candidate(use_case: UseCase, unit: str, candidate: Answered) -> None:
    print_line("")
    name = "answer" if candidate.candidate_id is None else f"candidate {candidate.candidate_id}"
    if candidate.value is None or candidate.low is None or candidate.high is None:
        print_line(f"{name}: none that could be read")
    else:
        print_line(f"{name}: {candidate.value:.6g} {unit} ({candidate.low:.6g} to {candidate.high:.6g})")
    _print_what_happened(unit, candidate)
    for reason in candidate.reasons:
        print_line(f"low confidence: {reason}")
    if candidate.base is not None:
        effects = [(f"{one.amount:+.4g}", one.text) for one in candidate.contributions if one.amount]
        print_table("What it is made of", (unit, "why"), [(f"{candidate.base:.4g}", "with nothing known"), *effects])
    rows = [
        (identity, _say(use_case, identity.partition("@")[0], value)) for identity, value in candidate.features.items()
    ]
    print_table("What the model was asked", ("feature", "value"), rows)
    if candidate.inputs:
        print_table("Of which inputs", ("input", "value"), list(candidate.inputs.items()))


def _print_what_happened(unit: str, candidate: Answered) -> None:
    if candidate.outcome is None:
        print_line("what really happened is not known yet")
    elif candidate.error is None:
        print_line(f"it really was {candidate.outcome:.6g} {unit}")
    else:
        print_line(f"it really was {candidate.outcome:.6g} {unit}; the answer was off by {candidate.error:+.4g} {unit}")
    for metric, value in candidate.metrics.items():
        print_line(f"{metric}: {value:g}")


def _say(use_case: UseCase, column: str, value: float | None) -> str:
    return explain_column(use_case, column).say(value)
