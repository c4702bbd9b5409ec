"""REST APIs as API Gateway serves them, where MiniStack does otherwise.

- `AWS/ApiGateway` by `ApiName`, and by `ApiName` and `Stage`: Count, 4XXError, 5XXError, Latency.
  https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
- A function that crashes is answered 502 with `Internal server error`, through the API's own `DEFAULT_5XX` response.
  MiniStack sends the function's stack trace to whoever asked.
- The limits of one method are kept. A template names its path with encoded slashes (`/~1v1~1health`), under which
  MiniStack keeps the limits and does not find them.
  https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigateway-stage-methodsetting.html
- A function whose policy does not let the API in is not asked, and whoever asked the API is told nothing but 500.
  https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
- An API of any account is served, as an address names no account; MiniStack looks in the caller's, and who does not
  sign has none.
  https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html
- An encoded slash (`%2F`) in a path is part of its segment; MiniStack routes as if it were a slash.
"""

from __future__ import annotations

import json
import logging
import re
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from laptop_cloud.ministack_seams import (
    Seam,
    all_records,
    current_account,
    current_region,
    in_scope,
    put_metric,
    reach,
    wrap,
)
from laptop_cloud.policies import find_service_refusal

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from laptop_cloud.ministack_seams import Function, Response

_log = logging.getLogger(__name__)

_BAD_GATEWAY, _FIRST_ERROR, _FIRST_FAULT = 502, 400, 500
_CRASHED = "the function crashed; only the laptop cloud's own code reads this"


def install() -> None:
    """Close the gaps."""
    wrap(Seam.API_REQUEST, _where_the_api_is)
    wrap(Seam.API_EXECUTION, _with_metrics)
    wrap(Seam.API_ROUTING, _with_own_words_for_crashes)
    wrap(Seam.API_ASK_FUNCTION, _where_allowed)
    wrap(Seam.API_FUNCTION_ANSWER, _without_stack_traces)
    wrap(Seam.API_METHOD_LIMITS, _with_encoded_paths)


def keep_encoded_slashes(asgi: Function) -> Function:
    """An application to which the encoded slashes of an API's path stay encoded."""

    async def serve(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        raw = scope.get("raw_path", b"").decode("latin-1")
        if scope["type"] == "http" and "%2f" in raw.lower() and _is_of_an_api(scope, raw):
            scope = {**scope, "path": unquote(re.sub("%2f", "%252F", raw, flags=re.IGNORECASE))}
        await asgi(scope, receive, send)

    return serve


def _is_of_an_api(scope: MutableMapping[str, Any], path: str) -> bool:
    host = dict(scope.get("headers", ())).get(b"host", b"")
    return b".execute-api." in host or path.startswith(("/_aws/execute-api/", "/restapis/"))


def _where_the_api_is(serve: Function) -> Function:
    async def serve_there(host: str, path: str, *args: Any, **kwargs: Any) -> Response | None:
        address = reach(Seam.API_ADDRESS)(host, path)
        owner = address and _find_owner(address[0])
        with in_scope(*owner) if owner else nullcontext():
            answer: Response | None = await serve(host, path, *args, **kwargs)
            return answer

    return serve_there


def _find_owner(api_id: str) -> tuple[str, str] | None:
    records = all_records(Seam.REST_APIS)
    return next(((account, region) for account, region, found, _api in records if found == api_id), None)


def _with_metrics(execute: Function) -> Function:
    async def execute_and_count(api_id: str, stage: str, *args: Any) -> Response:
        started = time.perf_counter()
        response: Response = await execute(api_id, stage, *args)
        status = int(response[0])
        values = (
            ("Count", 1, "Count"),
            ("4XXError", int(_FIRST_ERROR <= status < _FIRST_FAULT), "Count"),
            ("5XXError", int(status >= _FIRST_FAULT), "Count"),
            ("Latency", (time.perf_counter() - started) * 1000, "Milliseconds"),
        )
        api = reach(Seam.REST_APIS).get(api_id)
        if api is not None:
            for dimensions in ({"ApiName": api["name"]}, {"ApiName": api["name"], "Stage": stage}):
                for name, value, unit in values:
                    put_metric("AWS/ApiGateway", name, value, unit=unit, dimensions=dimensions)
        return response

    return execute_and_count


def _with_encoded_paths(find: Function) -> Function:
    def find_limits(stage: dict[str, Any], path: str, method: str) -> dict[str, Any] | None:
        encoded = path.replace("~", "~0").replace("/", "~1")
        own: dict[str, Any] | None = (stage.get("methodSettings") or {}).get(f"/{encoded}/{method}")
        return find(stage, path, method) if own is None else own

    return find_limits


def _where_allowed(ask: Function) -> Function:
    async def ask_function(function: str, event: dict[str, Any], **where: Any) -> tuple[Any, str | None]:
        context = event["requestContext"]
        place = f"{context['apiId']}/{context['stage']}/{context['httpMethod']}{context['resourcePath']}"
        source = f"arn:aws:execute-api:{current_region()}:{current_account()}:{place}"
        if (why := find_service_refusal("apigateway", "lambda:InvokeFunction", function, source=source)) is not None:
            _log.warning("%s", why)
            return None, why
        return await ask(function, event, **where)  # type: ignore[no-any-return]

    return ask_function


def _without_stack_traces(shape: Function) -> Function:
    def shape_answer(result: dict[str, Any]) -> tuple[Any, str | None]:
        answer, error = shape(result)
        return answer, None if error is None else _CRASHED

    return shape_answer


def _with_own_words_for_crashes(route: Function) -> Function:
    async def route_and_hide(request: dict[str, Any], *args: Any) -> Any:
        response = await route(request, *args)
        if not isinstance(response, tuple) or response[0] != _BAD_GATEWAY or _message(response[2]) != _CRASHED:
            return response
        error = reach(Seam.API_ERROR)("DEFAULT_5XX", "Internal server error", "InternalServerErrorException")
        _status, headers, body = reach(Seam.API_ERROR_ANSWER)(error, request)
        return _BAD_GATEWAY, headers, body

    return route_and_hide


def _message(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return None
