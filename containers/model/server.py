"""A model's server: SageMaker's two routes over ASGI, `GET /ping` and `POST /invocations`.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
from job_tree import JobTree, say

from noriba.errors import FeatureMismatchError, NoribaError
from noriba.records.inference import (
    CONTENT_TYPE,
    Invocation,
    ModelAnswer,
    Refusal,
    decode_invocation,
    encode_answer,
    encode_refusal,
)
from noriba.training.bundles import load_bundle
from noriba.training.doubts import find_doubts
from noriba.training.experience import read_experience
from noriba.training.explanations import MOST_CONTRIBUTIONS, explain

if TYPE_CHECKING:
    from noriba.records.experience import Experience
    from noriba.training.models import Predictor

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

_SLOW = b'"explain": true'
"""In a body as the predict function writes it: many milliseconds, which others need not wait for."""


class ModelServer:
    """The ASGI application of one model; without experience, it doubts nothing."""

    def __init__(self, predictor: Predictor, bundle_digest: str, experience: Experience | None = None) -> None:
        self._predictor = predictor
        self._digest = bundle_digest
        self._experience = experience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        route = (scope["method"], scope["path"])
        if route == ("GET", "/ping"):
            await _send(send, 200, b"")
        elif route == ("POST", "/invocations"):
            body = await _read_body(receive)
            await _send(send, *(await asyncio.to_thread(self.answer, body) if _SLOW in body else self.answer(body)))
        else:
            await _send(send, 404, _explain(f"no route {route[0]} {route[1]}; there are GET /ping, POST /invocations"))

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation: 400 for a body that is no table, 424 for columns of other features."""
        try:
            said = self._say(decode_invocation(body))
        except FeatureMismatchError as error:
            return 424, encode_refusal(Refusal(str(error), self._predictor.model.feature_fingerprint))
        except ValueError as error:
            return 400, _explain(str(error))
        return 200, encode_answer(said)

    def _say(self, asked: Invocation) -> ModelAnswer:
        model, wanted = self._predictor.model, asked.wanted
        columns = self._predictor.pick(asked.columns)
        answers = self._predictor.predict_features(columns)
        most = wanted.contributions or MOST_CONTRIBUTIONS
        explanations = explain(self._predictor, columns, most=most) if wanted.explain else ()
        doubts = (
            ()
            if wanted.humility is None or self._experience is None
            else find_doubts(model, self._experience, columns, answers, wanted.humility)
        )
        # Doubts are about what the model makes of a request, not about what outcomes have taught since.
        if wanted.stretch is not None and wanted.stretch.bundle_digest == self._digest:
            answers = answers.stretch(wanted.stretch.factor)
        low, value, high = (tuple(column.tolist()) for column in (answers.low, answers.value, answers.high))
        return ModelAnswer(low, value, high, model.claimed_coverage, self._digest, explanations, doubts)


def build_server() -> ModelServer:
    """The application, its model loaded; uvicorn calls it once in each worker."""
    bundle = JobTree.from_environment().model
    model, digest = load_bundle(bundle)
    say(f"serving {model.use_case}, bundle {digest}")
    return ModelServer(model.load(), digest, read_experience(bundle))


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


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _explain(message: str) -> bytes:
    return json.dumps({"error": message}).encode()
