"""The API described by itself: OpenAPI 3.1, made from the same models that check requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from noriba.serving.problems import CONTENT_TYPE as PROBLEM_TYPE
from noriba.serving.problems import Problem
from noriba.serving.requests import OutcomeRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from noriba.usecase import UseCase

_REF = "#/components/schemas/{model}"


def describe_api(use_cases: Sequence[UseCase], *, version: str) -> dict[str, Any]:
    """The whole document."""
    models: list[type[BaseModel]] = [*(use_case.request for use_case in use_cases), OutcomeRequest, Problem]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    components = dict(schemas["$defs"])
    # API Gateway cannot tell the status within the documents of its own common errors.
    components[Problem.__name__]["required"].remove("status")
    paths: dict[str, Any] = {"/v1/health": {"get": _describe_health()}, "/v1/openapi.json": {"get": _describe_self()}}
    for use_case in use_cases:
        answer = f"{use_case.request.__name__.removesuffix('Request')}Answer"
        components[answer] = describe_answer(use_case)
        paths[f"/v1/{use_case.name}/predictions"] = {"post": _describe_prediction(use_case, answer)}
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


def describe_answer(use_case: UseCase) -> dict[str, Any]:
    """The schema of a use case's answer."""
    fields = use_case.answer
    numbers = {
        fields.value: {"type": "number", "description": f"median, in {fields.unit}"},
        fields.low: {"type": "number", "description": f"lower end of the interval, in {fields.unit}"},
        fields.high: {"type": "number", "description": f"upper end of the interval, in {fields.unit}"},
    }
    prediction = {
        "type": "object",
        "required": list(numbers),
        "additionalProperties": False,
        "properties": {"candidate_id": {"type": "string"}, **numbers},
    }
    properties = {
        "prediction_id": {"type": "string", "format": "uuid", "description": "name it when reporting the outcome"},
        "use_case": {"const": use_case.name},
        "model_version": {"type": "integer", "description": "version in the model registry"},
        "interval_coverage": {"type": "number", "description": "share of outcomes that the interval holds"},
        "predictions": {"type": "array", "minItems": 1, "items": prediction},
    }
    return {"type": "object", "required": list(properties), "additionalProperties": False, "properties": properties}


def _describe_prediction(use_case: UseCase, answer: str) -> dict[str, Any]:
    return {
        "operationId": f"predict_{use_case.name}",
        "summary": use_case.title,
        "security": [{"api_key": []}],
        "requestBody": _json_body(use_case.request.__name__),
        "responses": {
            "200": {"description": "Predictions", "content": {"application/json": {"schema": _ref(answer)}}},
            **_describe_problems(400, 403, 404, 413, 422, 429, 500, 502, 503, 504),
        },
    }


def _describe_outcome(use_case: UseCase) -> dict[str, Any]:
    return {
        "operationId": f"report_{use_case.name}",
        "summary": f"{use_case.title}: what really happened",
        "security": [{"api_key": []}],
        "requestBody": _json_body(OutcomeRequest.__name__),
        "responses": {
            "202": {"description": "Taken; it will be joined to its prediction"},
            **_describe_problems(400, 403, 404, 413, 422, 429, 500, 502, 503, 504),
        },
    }


def _describe_health() -> dict[str, Any]:
    model = {
        "type": "object",
        "required": ["use_case", "status", "model_version"],
        "additionalProperties": False,
        "properties": {
            "use_case": {"type": "string"},
            "status": {
                "type": "string",
                "description": (
                    "the endpoint's own, of half a minute ago at most, or of five when SageMaker does not answer; "
                    "or NoModel, or Unknown"
                ),
            },
            "model_version": {"type": ["integer", "null"]},
        },
    }
    health = {
        "type": "object",
        "required": ["status", "use_cases"],
        "additionalProperties": False,
        "properties": {"status": {"const": "ok"}, "use_cases": {"type": "array", "items": model}},
    }
    content = {"application/json": {"schema": health}}
    return {
        "operationId": "health",
        "summary": "Whether the API answers, and which model answers in production",
        "responses": {
            "200": {"description": "The API answers", "content": content},
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


def _json_body(model: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _ref(model)}}}


def _describe_problems(*statuses: int) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": _ref(Problem.__name__)}}
    return {str(s): {"description": Problem.of(s, "").title, "content": content} for s in statuses}


def _ref(model: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=model)}
