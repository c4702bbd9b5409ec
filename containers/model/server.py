"""A model's server: SageMaker's two routes over ASGI, `GET /ping` and `POST /invocations`.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import uvicorn
from job_tree import JobTree, say

from noriba.errors import NoribaError
from noriba.records.inference import CONTENT_TYPE
from noriba.records.packed import PACKED_TYPE, is_packed
from noriba.training.answering import Answerer, explain_error
from noriba.training.bundles import load_bundle
from noriba.training.forest import UncompilableError

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

_JSON, _PACKED = CONTENT_TYPE.encode(), PACKED_TYPE.encode()
_SLOW = b'"explain": true'
"""In a body as the predict function writes it: many milliseconds, which others need not wait for."""


class ModelServer:
    """The ASGI application of one model."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        route = (scope["method"], scope["path"])
        if route == ("GET", "/ping"):
            await _send(send, 200, b"", _JSON)
        elif route == ("POST", "/invocations"):
            body = await _read_body(receive)
            status, said = await asyncio.to_thread(self.answer, body) if _SLOW in body else self.answer(body)
            await _send(send, status, said, _PACKED if is_packed(said) else _JSON)
        else:
            error = explain_error(f"no route {route[0]} {route[1]}; there are GET /ping, POST /invocations")
            await _send(send, 404, error, _JSON)

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation."""
        return self._answerer.answer(body)


def build_server() -> ModelServer:
    """The application, its model loaded; uvicorn calls it once in each worker."""
    answerer = Answerer.load(JobTree.from_environment().model)
    say(f"serving {answerer.predictor.model.use_case}, bundle {answerer.bundle_digest}")
    # Before anybody asks: beside it, the first answers would be late, and a challenger's are what it is judged by.
    _compile(answerer)
    return ModelServer(answerer)


def _compile(answerer: Answerer) -> None:
    try:
        answerer.compile()
        say("trees compiled")
    except UncompilableError as error:
        say(f"LightGBM's library goes on answering: {error}")


def main() -> None:
    """Serve until told to stop."""
    try:
        load_bundle(JobTree.from_environment().model)
    except NoribaError as error:
        # Before any worker starts, so that the log ends with the reason and not with a worker's traceback.
        sys.exit(f"{type(error).__name__}: {error}")
    uvicorn.run(
        "server:build_server",
        factory=True,
        # SageMaker reaches a container from outside it.
        host=os.environ.get("SERVE_HOST", "0.0.0.0"),  # noqa: S104
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        workers=int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "1")),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=30,
        # The endpoint keeps connections open between requests.
        timeout_keep_alive=120,
    )


async def _read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _send(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
