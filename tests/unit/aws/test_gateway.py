"""API Gateway's events in, its answers out."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import Any

import pytest

from noriba.aws.gateway import MAX_BODY_BYTES, answer, answering_problems, read_body, read_path
from noriba.errors import UnknownUseCaseError
from noriba.serving.problems import FieldFault, Problem, ProblemError


def encode(content: bytes) -> dict[str, Any]:
    return {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ({"body": '{"é": 1}'}, '{"é": 1}'),
        ({"body": "plain", "isBase64Encoded": False}, "plain"),
        (encode('{"é": 1}'.encode()), '{"é": 1}'),
        ({"body": None}, ""),
        ({}, ""),
    ],
)
def test_the_body_is_read_as_text(event: dict[str, Any], body: str) -> None:
    assert read_body(event) == body


@pytest.mark.parametrize(
    ("event", "status", "detail"),
    [
        ({"body": "x" * (MAX_BODY_BYTES + 1)}, 413, "the body is larger than 524288 bytes"),
        ({"body": "é" * (MAX_BODY_BYTES // 2 + 1)}, 413, "the body is larger than 524288 bytes"),
        (encode(b"\xff\xfe"), 400, "the body is not UTF-8 text"),
        ({"body": "a", "isBase64Encoded": True}, 400, "the body is not UTF-8 text"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(event: dict[str, Any], status: int, detail: str) -> None:
    with pytest.raises(ProblemError) as refused:
        read_body(event)

    assert (refused.value.problem.status, refused.value.problem.detail) == (status, detail)


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert len(read_body({"body": "x" * MAX_BODY_BYTES})) == MAX_BODY_BYTES


def test_path_parameters_are_read_by_name() -> None:
    assert read_path({"pathParameters": {"use_case": "taxi_eta"}}, "use_case") == "taxi_eta"


def test_an_answer_is_json_that_nothing_on_the_way_may_keep() -> None:
    made = answer(200, {"eta_s": 812.5})

    assert made["statusCode"] == 200
    assert json.loads(made["body"]) == {"eta_s": 812.5}
    assert made["headers"] == {"content-type": "application/json", "cache-control": "no-store"}


def handle_with(error: Exception) -> dict[str, Any]:
    @answering_problems
    def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
        raise error

    return handler({}, None)


def test_a_problem_is_answered_as_a_problem_document() -> None:
    fault = FieldFault(field="origin.zone_id", message="taxi zone 999 has no place")

    answered = handle_with(ProblemError(Problem.of(422, "origin.zone_id: …", errors=[fault])))

    assert answered["statusCode"] == 422
    assert answered["headers"]["content-type"] == "application/problem+json"
    assert json.loads(answered["body"]) == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "origin.zone_id: …",
        "errors": [{"field": "origin.zone_id", "message": "taxi zone 999 has no place"}],
    }


def test_an_unknown_use_case_is_not_found() -> None:
    answered = handle_with(UnknownUseCaseError("no use case 'x'; installed: taxi_eta"))

    assert answered["statusCode"] == 404
    assert json.loads(answered["body"])["detail"] == "no use case 'x'; installed: taxi_eta"


def test_what_nobody_meant_to_raise_stays_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        handle_with(ZeroDivisionError())


def test_a_good_answer_passes_through() -> None:
    @answering_problems
    def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
        return answer(202, event)

    assert handler({"a": 1}, None)["statusCode"] == 202
