"""Problem documents, as RFC 9457 wants them."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from noriba.serving.problems import FieldFault, Problem, ProblemError


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 429, 502, 503])
def test_a_problem_carries_the_status_s_own_title(status: int) -> None:
    problem = Problem.of(status, "what to do")

    assert problem.model_dump() == {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": "what to do",
        "errors": (),
    }


def test_a_problem_of_one_field_names_it_twice_for_people_and_for_programs() -> None:
    problem = Problem.of_field("observed_at", "lies in the future")

    assert (problem.status, problem.detail) == (422, "observed_at: lies in the future")
    assert problem.errors == (FieldFault(field="observed_at", message="lies in the future"),)


def test_an_error_carries_what_the_app_is_told() -> None:
    problem = Problem.of(404, "no such use case")

    error = ProblemError(problem)

    assert error.problem is problem
    assert str(error) == "no such use case"
