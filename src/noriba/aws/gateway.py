"""API Gateway's proxy events in, its proxy answers out; errors become problem documents."""

from __future__ import annotations

import base64
import functools
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from noriba.errors import UnknownUseCaseError
from noriba.serving.problems import CONTENT_TYPE as PROBLEM_TYPE
from noriba.serving.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BODY_BYTES = 512 * 1024
"""Five hundred candidates are a hundred kilobytes."""

ProxyEvent: TypeAlias = dict[str, Any]
ProxyAnswer: TypeAlias = dict[str, Any]


def read_body(event: ProxyEvent) -> str:
    """The request's body as text.

    Raises:
        ProblemError: 413 when it is too large, 400 when it is not text.
    """
    body: str = event.get("body") or ""
    if len(body.encode()) > MAX_BODY_BYTES:
        raise ProblemError(Problem.of(413, f"the body is larger than {MAX_BODY_BYTES} bytes"))
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body).decode()
    except ValueError as error:
        raise ProblemError(Problem.of(400, "the body is not UTF-8 text")) from error


def read_path(event: ProxyEvent, name: str) -> str:
    """A path parameter."""
    value: str = (event.get("pathParameters") or {})[name]
    return value


def answer(status: int, document: Any, *, content_type: str = "application/json") -> ProxyAnswer:
    """A JSON answer, of a document."""
    return answer_written(status, json.dumps(document), content_type=content_type)


def answer_written(status: int, text: str, *, content_type: str = "application/json") -> ProxyAnswer:
    """A JSON answer that is written already."""
    # Answers are about one moment; nothing on the way may keep them.
    headers = {"content-type": content_type, "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": text}


def answering_problems(handle: Callable[..., ProxyAnswer]) -> Callable[..., ProxyAnswer]:
    """Answer what the handler raises on purpose; anything else is Lambda's error, and an alarm."""

    @functools.wraps(handle)
    def wrapped(*arguments: Any) -> ProxyAnswer:
        try:
            return handle(*arguments)
        except ProblemError as error:
            problem = error.problem
        except UnknownUseCaseError as error:
            problem = Problem.of(404, str(error))
        document = problem.model_dump(mode="json", exclude_defaults=True) | {"type": problem.type}
        return answer(problem.status, document, content_type=PROBLEM_TYPE)

    return wrapped
