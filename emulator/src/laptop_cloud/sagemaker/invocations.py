"""`InvokeEndpoint` of the SageMaker runtime: a request in, the model's answer or SageMaker's error out.

Contract: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from laptop_cloud.sagemaker.endpoints import NoSuchEndpointError
from laptop_cloud.sagemaker.fleets import NoSuchVariantError
from laptop_cloud.sagemaker.measurements import Measured, measure_invocation
from laptop_cloud.sagemaker.servers import ReplyTimeoutError, ServerDownError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laptop_cloud.sagemaker.capture import Capture
    from laptop_cloud.sagemaker.endpoints import Endpoints, Route
    from laptop_cloud.sagemaker.scopes import Scope
    from laptop_cloud.sagemaker.servers import ModelServer, Reply

    Answer = tuple[int, dict[str, str], bytes]

_log = logging.getLogger(__name__)

_COPIES = 32
_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations")
_PREFIX = "x-amzn-sagemaker-"
_FORWARDED = ("content-type", "accept", f"{_PREFIX}custom-attributes", f"{_PREFIX}inference-id")
# In lower case: `Content-Type` would be made that of SageMaker's own protocol, and here it is the model's.
_CONTENT_TYPE = "content-type"
_REFUSED = ("target-model", "target-container-hostname", "enable-explanations", "inference-component", "session-id")


def endpoint_in(path: str) -> str | None:
    """The endpoint that a request path invokes, if it is one of an invocation."""
    match = _PATH.fullmatch(path)
    return unquote(match["name"]) if match else None


class Copies:
    """Requests on their way to shadow variants, whose answers are measured and captured, and told to nobody.

    They never hold an answer up: when more are on their way than there are threads for, the next ones are left out.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_COPIES, thread_name_prefix="shadow")
        self._free = threading.BoundedSemaphore(2 * _COPIES)

    def send(self, scope: Scope, name: str, route: Route, headers: Mapping[str, str], body: bytes) -> None:
        """Send a copy to the route's shadow, if it has one."""
        if route.shadow is None:
            return
        variant, server = route.shadow
        if not self._free.acquire(blocking=False):
            server.leave()
            return
        asked = Measured(scope, name, route.config_name, variant.name)
        self._threads.submit(self._send, asked, server, route.capture, headers, body)

    def close(self) -> None:
        """Send no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(
        self,
        asked: Measured,
        server: ModelServer,
        capture: Capture | None,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        try:
            reply = _ask(asked, server, body, headers)
            if capture is not None and reply.status < HTTPStatus.BAD_REQUEST:
                capture.add(asked.variant, headers, body, reply)
        except (ServerDownError, ReplyTimeoutError):
            _log.info("the shadow %s of endpoint %s did not answer", asked.variant, asked.endpoint)
        finally:
            server.leave()
            self._free.release()


def invoke(
    endpoints: Endpoints, copies: Copies, scope: Scope, name: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Let an endpoint answer.

    Args:
        endpoints: all of them.
        copies: what shadows are sent by.
        scope: of the caller.
        name: of the endpoint.
        headers: of the request, names in lower case.
        body: of the request.
    """
    for header in _REFUSED:
        if _PREFIX + header in headers:
            return _error(400, "ValidationError", f"The laptop cloud does not support the header {_PREFIX}{header}.")
    target = headers.get(f"{_PREFIX}target-variant")
    forwarded = {header: headers[header] for header in _FORWARDED if header in headers}
    try:
        with endpoints.route(scope, name, target) as route:
            copies.send(scope, name, route, forwarded, body)
            asked = Measured(scope, name, route.config_name, route.variant.name)
            reply = _ask(asked, route.server, body, forwarded)
            if route.capture is not None and reply.status < HTTPStatus.BAD_REQUEST:
                route.capture.add(route.variant.name, forwarded, body, reply)
            return _answer(scope, name, route.variant.name, reply)
    except NoSuchEndpointError:
        return _error(400, "ValidationError", f"Endpoint {name} of account {scope.account} not found.")
    except NoSuchVariantError:
        return _error(400, "ValidationError", f"Variant {target} of endpoint {name} not found.")
    except ServerDownError:
        return _error(503, "ServiceUnavailable", "The service is currently unavailable; no healthy container answered.")
    except ReplyTimeoutError:
        reason = (
            "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
            "for each container in Amazon CloudWatch, resolve the issue, and try again."
        )
        return _model_error(scope, name, 0, reason)


def _ask(asked: Measured, server: ModelServer, body: bytes, headers: Mapping[str, str]) -> Reply:
    """The model's reply, measured as it comes or fails to come."""
    status = None
    started = time.perf_counter()
    try:
        reply = server.invoke(body, headers)
        status = reply.status
    finally:
        measure_invocation(asked, status=status, took_s=time.perf_counter() - started)
    return reply


def _answer(scope: Scope, name: str, variant: str, reply: Reply) -> Answer:
    if reply.status >= HTTPStatus.BAD_REQUEST:
        return _model_error(scope, name, reply.status, reply.body.decode(errors="replace"))
    headers = {
        _CONTENT_TYPE: reply.headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    if attributes := reply.headers.get(f"{_PREFIX}custom-attributes"):
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return 200, headers, reply.body


def _model_error(scope: Scope, name: str, status: int, text: str) -> Answer:
    side = "client" if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
    group = f"/aws/sagemaker/Endpoints/{name}"
    message = (
        f'Received {side} error ({status}) from primary with message "{text}". See '
        f"https://{scope.region}.console.aws.amazon.com/cloudwatch/home?region={scope.region}#logEventViewer:group={group}"
        f" in account {scope.account} for more information."
    )
    log = f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{group}"
    details: dict[str, str | int] = {"OriginalStatusCode": status, "OriginalMessage": text, "LogStreamArn": log}
    return _error(424, "ModelError", message, **details)


def _error(status: int, code: str, message: str, **details: str | int) -> Answer:
    body = json.dumps({"Message": message, "message": message, **details}).encode()
    return status, {_CONTENT_TYPE: "application/json", "x-amzn-ErrorType": code}, body
