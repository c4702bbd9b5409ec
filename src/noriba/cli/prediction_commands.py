"""`predict`: ask the API as an app does; `accuracy`: how right answers were; `drift`: whether requests have changed."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Hours, MisuseError, Prefix, UseCaseName
from noriba.cli.output import print_json, print_line, print_table, write_time
from noriba.client import ApiClient, Prediction, Session, read_accuracy, read_drift

_TOLD_APART = ("reasons", "explanation")

Body = Annotated[
    str | None,
    typer.Argument(
        help="The request: JSON, a file that holds it, or - for stdin; an example of the use case's when left out."
    ),
]


def predict(
    body: Body = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Ask what each prediction is made of.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for a prediction."""
    session = Session(prefix, use_case)
    request = read_request(body) if body is not None else dict(session.use_case.golden_requests[0])
    if explain:
        request["explain"] = True
    prediction = ApiClient.of(session).predict(use_case, request)
    if as_json:
        print_json({"request": request, "answer": prediction.answer, "latency_ms": prediction.latency_ms})
    else:
        print_prediction(prediction)


def accuracy(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    hours: Hours = 24.0,
    as_json: AsJson = False,
) -> None:
    """Show how right each model version was, where the outcome is known: captures beside outcomes."""
    until = datetime.now(UTC)
    report = read_accuracy(Session(prefix, use_case), since=until - timedelta(hours=hours), until=until)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    columns = ("version", "answered", "with outcome", f"MAE ({report.unit})", "bias", "coverage", "claims")
    print_table(
        f"Answers of {use_case} within {hours:g} hours",
        columns,
        [
            (
                one.model_version,
                one.answered,
                one.with_outcome,
                *(None if number is None else f"{number:.4g}" for number in (one.mae, one.bias)),
                *(None if number is None else f"{number:.3f}" for number in (one.coverage, one.claimed_coverage)),
            )
            for one in report.variants
        ],
    )
    troubles = {
        "outcomes of predictions that were not captured in this time": report.outcomes_unknown,
        "outcomes that came again": report.outcomes_repeated,
        "predictions with different outcomes, of which the last observed counts": report.outcomes_contradicted,
        "lines that nobody can read, left out": report.unreadable_lines,
    }
    for meaning, number in troubles.items():
        if number:
            print_line(f"{meaning}: {number}")


def drift(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    hours: Hours = 24.0,
    as_json: AsJson = False,
) -> None:
    """Say whether what the model in production is asked has changed since its training."""
    until = datetime.now(UTC)
    report = read_drift(Session(prefix, use_case), since=until - timedelta(hours=hours), until=until)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    if report.features:
        print_table(
            f"What version {report.model_version} was asked since {write_time(report.since)}, {report.rows} rows",
            ("feature", "drifted", "distance", "usual", "p", "moved most"),
            [
                (
                    one.name,
                    "yes" if one.drifted else None,
                    f"{one.distance:.3f}",
                    f"{one.usual:.3f}",
                    f"{one.p_value:.3f}",
                    one.moved,
                )
                for one in report.features
            ],
        )
    print_line(f"{report.verdict}: {report.reason}")


def print_prediction(prediction: Prediction) -> None:
    """An answer as a table."""
    answer = prediction.answer
    rows = [{name: value for name, value in row.items() if name not in _TOLD_APART} for row in answer["predictions"]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    title = f"{answer['prediction_id']} · model version {answer['model_version']} · {prediction.latency_ms:.0f} ms"
    print_table(title, names, [[row.get(name) for name in names] for row in rows])
    for row in answer["predictions"]:
        _print_reasons(row)


def _print_reasons(row: dict[str, Any]) -> None:
    """What a prediction says of itself: why it may not be relied on, and what it is made of."""
    whose = f"{row['candidate_id']}: " if "candidate_id" in row else ""
    for reason in row.get("reasons", ()):
        print_line(f"{whose}low confidence: {reason}")
    if explanation := row.get("explanation"):
        effects = [(f"{one['amount']:+g}", one["text"]) for one in explanation["features"]]
        parts = [(explanation["base"], "with nothing known"), *effects, (f"{explanation['rest']:+g}", "all the rest")]
        print_table(f"{whose}what it is made of", (explanation["unit"], "why"), parts)


def read_request(given: str) -> dict[str, object]:
    """The request's document.

    Raises:
        MisuseError: it is neither a JSON object nor a file that holds one.
    """
    text = given
    if given == "-":
        try:
            text = sys.stdin.read()
        except (OSError, ValueError) as error:
            raise MisuseError(f"standard input cannot be read: {error}") from error
    elif not given.lstrip().startswith(("{", "[")):
        try:
            text = Path(given).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "no file of text"
            raise MisuseError(f"{given!r} is no file that can be read ({reason}), and no JSON object") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MisuseError(f"the request is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MisuseError("the request must be a JSON object")
    return document
