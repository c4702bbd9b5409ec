"""The API described by itself: OpenAPI 3.1, made from the same models that check requests and write answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from noriba.serving.answers import OutcomeReceipt, define_answer
from noriba.serving.health import Health
from noriba.serving.outcomes import define_outcome
from noriba.serving.problems import CONTENT_TYPE as PROBLEM_TYPE
from noriba.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from noriba.usecase import UseCase

_REF = "#/components/schemas/{model}"


def describe_api(use_cases: Sequence[UseCase], *, version: str) -> dict[str, Any]:
    """The whole document."""
    models: list[type[BaseModel]] = [OutcomeReceipt, Problem, Health]
    for use_case in use_cases:
        models += [use_case.request, define_answer(use_case), define_outcome(use_case)]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    components = dict(schemas["$defs"])
    # API Gateway cannot tell the status within the documents of its own common errors.
    components[Problem.__name__]["required"].remove("status")
    paths: dict[str, Any] = {"/v1/health": {"get": _describe_health()}, "/v1/openapi.json": {"get": _describe_self()}}
    for use_case in use_cases:
        paths[f"/v1/{use_case.name}/predictions"] = {"post": _describe_prediction(use_case)}
        paths[f"/v1/{use_case.name}/outcomes"] = {"post": _describe_outcome(use_case)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Noriba predictions",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def _describe_prediction(use_case: UseCase) -> dict[str, Any]:
    return {
        "operationId": f"predict_{use_case.name}",
        "summary": use_case.title,
        "security": [{"api_key": []}],
        "requestBody": _json_body(use_case.request),
        "responses": {
            "200": {"description": "Predictions", "content": _json(define_answer(use_case))},
            **_describe_problems(400, 403, 404, 413, 422, 429, 500, 502, 503, 504),
        },
    }


def _describe_outcome(use_case: UseCase) -> dict[str, Any]:
    return {
        "operationId": f"report_{use_case.name}",
        "summary": f"{use_case.title}: what really happened",
        "security": [{"api_key": []}],
        "requestBody": _json_body(define_outcome(use_case)),
        "responses": {
            "202": {"description": "Taken; it will be joined to its prediction", "content": _json(OutcomeReceipt)},
            **_describe_problems(400, 403, 404, 413, 422, 429, 500, 502, 503, 504),
        },
    }


def _describe_health() -> dict[str, Any]:
    return {
        "operationId": "health",
        "summary": "Whether the API answers, and which model answers in production",
        "responses": {
            "200": {"description": "The API answers", "content": _json(Health)},
            **_describe_problems(429, 500, 502, 504),
        },
    }


def _describe_self() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "summary": "This document",
        "responses": {
            "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {"type": "object"}}}},
            **_describe_problems(429, 500, 502, 504),
        },
    }


def _json_body(model: type[BaseModel]) -> dict[str, Any]:
    return {"required": True, "content": _json(model)}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(model)}}


def _describe_problems(*statuses: int) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": _ref(Problem)}}
    return {str(s): {"description": Problem.of(s, "").title, "content": content} for s in statuses}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
