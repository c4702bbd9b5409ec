"""SageMaker's runtime API on a port of this machine: what boto3 sends really travels, and so does what it gets back.

Shapes: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

from noriba.records.inference import ModelAnswer, encode_answer
from noriba.records.packed import is_packed, pack_answer, read_invocation, to_document
from noriba.records.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from noriba.features import Column

Model: TypeAlias = "Callable[[Mapping[str, Column]], ModelAnswer]"


class ModelFailure(Exception):  # noqa: N818  # what happened, not what is wrong with the test
    """The container answered with a status other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Throttled(Exception):  # noqa: N818  # what happened, not what is wrong with the test
    """SageMaker was asked too often, and did not ask the model."""


class ConnectionLost(Exception):  # noqa: N818  # what happened, not what is wrong with the test
    """The endpoint went away in the middle of its answer."""


@dataclass(frozen=True)
class Invocation:
    """What was asked."""

    endpoint_name: str
    inference_id: str | None
    columns: dict[str, Column]
    candidate_ids: list[str | None] | None
    variant: str
    group: int | None
    wanted: Wanted


@dataclass
class FakeRuntime:
    """Endpoints by name, each with models by variant; who names no variant is answered by the last.

    What became of the copies that shadows got, nobody is told: it stands in `copies`, False where one failed.
    """

    url: str
    models: dict[str, dict[str, Model]] = field(default_factory=dict)
    shadows: dict[str, Model] = field(default_factory=dict)
    invocations: list[Invocation] = field(default_factory=list)
    copies: list[bool] = field(default_factory=list)

    def put(
        self,
        endpoint_name: str,
        model: Model,
        *,
        variant: str = "v3",
        beside: Mapping[str, Model] | None = None,
        shadow: Model | None = None,
    ) -> None:
        """Create or replace an endpoint; `beside` are other variants that it has, `shadow` gets copies."""
        self.models[endpoint_name] = {**(beside or {}), variant: model}
        self.shadows.pop(endpoint_name, None)
        if shadow is not None:
            self.shadows[endpoint_name] = shadow


@contextmanager
def serve_runtime() -> Iterator[FakeRuntime]:
    """The API, as long as it is needed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    runtime = FakeRuntime(f"http://127.0.0.1:{server.server_port}")
    server.runtime = runtime  # type: ignore[attr-defined]  # the only way to a handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield runtime
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        runtime: FakeRuntime = self.server.runtime  # type: ignore[attr-defined]  # see serve_runtime
        name = self.path.split("/")[2]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if name not in runtime.models:
            message = f"Endpoint {name} of account 123456789012 not found."
            self._send(400, {"Message": message}, {"x-amzn-ErrorType": "ValidationError"})
            return
        models = runtime.models[name]
        variant = self.headers.get("X-Amzn-SageMaker-Target-Variant", list(models)[-1])
        if variant not in models:
            message = f"Variant {variant} of endpoint {name} not found."
            self._send(400, {"Message": message}, {"x-amzn-ErrorType": "ValidationError"})
            return
        document = to_document(body) if is_packed(body) else json.loads(body)
        inference_id = self.headers["X-Amzn-SageMaker-Inference-Id"]
        model, columns = models[variant], read_invocation(body).columns
        asked = document.get("candidate_ids"), variant, document.get("group"), Wanted.read(document)
        runtime.invocations.append(Invocation(name, inference_id, columns, *asked))
        if name in runtime.shadows:
            try:
                runtime.shadows[name](columns)
            except ModelFailure:
                runtime.copies.append(False)
            else:
                runtime.copies.append(True)
        try:
            said = model(columns)
        except ConnectionLost:
            self._send_half(variant)
        except Throttled:
            self._send(400, {"Message": "Rate exceeded"}, {"x-amzn-ErrorType": "ThrottlingException"})
        except ModelFailure as failure:
            failed = {
                "Message": f"Received error ({failure.status}) from primary with message {failure.message!r}.",
                "OriginalStatusCode": failure.status,
                "OriginalMessage": failure.message,
                "LogStreamArn": "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/sagemaker/Endpoints/x",
            }
            self._send(424, failed, {"x-amzn-ErrorType": "ModelError"})
        else:
            answer = _write(said, packed=is_packed(body))
            self._send_bytes(200, answer, {"x-Amzn-Invoked-Production-Variant": variant})

    def _send(self, status: int, document: Any, headers: dict[str, str]) -> None:
        self._send_bytes(status, json.dumps(document).encode(), headers)

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _send_half(self, variant: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.send_header("x-Amzn-Invoked-Production-Variant", variant)
        self.end_headers()
        self.wfile.write(b'{"low": [')

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Say nothing: the test says what it saw."""


def _write(said: ModelAnswer, *, packed: bool) -> bytes:
    """In the form in which it was asked for; what is no table of numbers can be said in JSON alone."""
    try:
        return pack_answer(said) if packed else encode_answer(said)
    except (ValueError, OverflowError):
        return encode_answer(said)
