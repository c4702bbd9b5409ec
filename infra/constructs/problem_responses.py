"""API Gateway's own errors, as problem documents like all others (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_cdk import aws_apigateway as apigateway

if TYPE_CHECKING:
    from collections.abc import Mapping

_ERRORS: Mapping[str, tuple[apigateway.ResponseType, int, str]] = {
    "NoRoute": (
        apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
        404,
        "no such route or method; GET /v1/openapi.json lists them",
    ),
    "NoKey": (apigateway.ResponseType.INVALID_API_KEY, 403, "send a valid API key in the header x-api-key"),
    "TooFast": (apigateway.ResponseType.THROTTLED, 429, "too many requests; slow down and try again"),
    "UsedUp": (apigateway.ResponseType.QUOTA_EXCEEDED, 429, "the API key's quota is used up"),
    "TooLarge": (apigateway.ResponseType.REQUEST_TOO_LARGE, 413, "the body is too large"),
    "TooSlow": (apigateway.ResponseType.INTEGRATION_TIMEOUT, 504, "the answer took too long; try again"),
    "Broken": (apigateway.ResponseType.INTEGRATION_FAILURE, 502, "the service failed; try again"),
}


_OTHERS: Mapping[str, tuple[apigateway.ResponseType, str]] = {
    "Refused": (apigateway.ResponseType.DEFAULT_4_XX, "Bad Request"),
    "Failed": (apigateway.ResponseType.DEFAULT_5_XX, "Internal Server Error"),
}
"""Whatever else it answers, with the status that it has: a function that crashed or was throttled, a strange header.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""


def add_problem_responses(api: apigateway.RestApi, *, own_words: Mapping[str, tuple[int, str]]) -> None:
    """Let the gateway speak as the functions do; `own_words` are this API's status and detail, by an error's name."""
    for name, (kind, common_status, common_detail) in _ERRORS.items():
        status, detail = own_words.get(kind.response_type, (common_status, common_detail))
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        _add(api, name, kind, json.dumps(problem), status=str(status))
    for name, (kind, title) in _OTHERS.items():
        # The gateway's own words, which it puts in quotes; the status it keeps, and does not tell.
        words = {"type": "about:blank", "title": title}
        template = f'{json.dumps(words)[:-1]}, "detail": $context.error.messageString}}'
        _add(api, name, kind, template)


def _add(
    api: apigateway.RestApi, name: str, kind: apigateway.ResponseType, template: str, *, status: str | None = None
) -> None:
    api.add_gateway_response(
        name,
        type=kind,
        status_code=status,
        response_headers={"Content-Type": "'application/problem+json'"},
        templates={"application/json": template},
    )
