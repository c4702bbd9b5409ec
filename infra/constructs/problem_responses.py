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


def add_problem_responses(api: apigateway.RestApi) -> None:
    """Let the gateway speak as the functions do."""
    for name, (kind, status, detail) in _ERRORS.items():
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        api.add_gateway_response(
            name,
            type=kind,
            status_code=str(status),
            response_headers={"Content-Type": "'application/problem+json'"},
            templates={"application/json": json.dumps(problem)},
        )
