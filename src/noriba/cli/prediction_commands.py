"""`predict`: ask the API as an app does, over HTTP with its key."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import urllib3

from noriba.cli.output import AsJson, print_json, print_problem, print_table
from noriba.cli.session import THE_PREFIX, THE_USE_CASE, Prefix, Session, UseCaseName
from noriba.errors import NoribaError

Body = Annotated[
    str | None,
    typer.Argument(
        help="The request: JSON, a file that holds it, or - for stdin; an example of the use case's when left out."
    ),
]


class ApiError(NoribaError):
    """The API answered with a problem."""


class ApiClient:
    """An app's view of the API."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self.key = key
        self._pool = urllib3.PoolManager(
            headers={"x-api-key": key, "content-type": "application/json"}, timeout=urllib3.Timeout(30.0)
        )

    @classmethod
    def of(cls, session: Session) -> ApiClient:
        """The deployment's API, with the first app's key."""
        found = session.clients.apigateway.get_api_key(apiKey=session.deployment.api_key_id, includeValue=True)
        return cls(session.deployment.api_url, found["value"])

    def post(self, path: str, document: object) -> tuple[int, dict[str, Any]]:
        """Status and JSON document of an answer."""
        answer = self._pool.request("POST", f"{self._url}{path}", body=json.dumps(document).encode())
        return answer.status, answer.json()

    def predict(self, use_case: str, document: object) -> tuple[dict[str, Any], float]:
        """An answer, and how long it took in milliseconds.

        Raises:
            ApiError: anything but 200; the message is the problem's own.
        """
        start = time.perf_counter()
        status, answer = self.post(f"/v1/{use_case}/predictions", document)
        took_ms = (time.perf_counter() - start) * 1000.0
        if status != 200:  # noqa: PLR2004  # the API answers 200 or a problem
            raise ApiError(f"{status} {answer.get('title', '')}: {answer.get('detail', answer)}")
        return answer, took_ms


def predict(
    body: Body = None,
    use_case: UseCaseName = THE_USE_CASE,
    prefix: Prefix = THE_PREFIX,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a prediction."""
    session = Session(prefix, use_case)
    document = read_body(body) if body is not None else session.use_case.golden_requests[0]
    answer, took_ms = ApiClient.of(session).predict(use_case, document)
    if as_json:
        print_json({"request": document, "answer": answer, "latency_ms": round(took_ms, 1)})
        return
    predictions = answer["predictions"]
    title = f"{answer['prediction_id']} · model version {answer['model_version']} · {took_ms:.0f} ms"
    print_table(title, list(predictions[0]), [list(prediction.values()) for prediction in predictions])


def read_body(given: str) -> object:
    """The request's document.

    Raises:
        typer.Exit: it is not JSON.
    """
    if given == "-":
        text = sys.stdin.read()
    elif given.lstrip().startswith("{"):
        text = given
    else:
        text = Path(given).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        print_problem(f"the request is not JSON: {error}")
        raise typer.Exit(2) from error
