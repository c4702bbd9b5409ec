"""`predict`: ask the API as an app does, over HTTP with its key."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, MisuseError, Prefix, UseCaseName
from noriba.cli.output import print_json, print_table
from noriba.client import ApiClient, Prediction, Session

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
    as_json: AsJson = False,
) -> None:
    """Ask for a prediction."""
    session = Session(prefix, use_case)
    request = read_request(body) if body is not None else dict(session.use_case.golden_requests[0])
    prediction = ApiClient.of(session).predict(use_case, request)
    if as_json:
        print_json({"request": request, "answer": prediction.answer, "latency_ms": prediction.latency_ms})
    else:
        print_prediction(prediction)


def print_prediction(prediction: Prediction) -> None:
    """An answer as a table."""
    answer = prediction.answer
    rows = answer["predictions"]
    title = f"{answer['prediction_id']} · model version {answer['model_version']} · {prediction.latency_ms:.0f} ms"
    print_table(title, list(rows[0]), [list(row.values()) for row in rows])


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
