"""A query is asked with its values beside it; its answer is read to the last page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from noriba.aws.athena import QueryEngine, QueryError
from noriba.records.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_athena import AthenaClient

STATEMENT = Statement("SELECT name, age FROM people WHERE name <> ? AND age > ?", ("o'neil", 7))


@dataclass
class FakeAthena:
    """Athena with one query, which goes through some states and has an answer of some pages."""

    states: list[str]
    pages: list[list[list[str | None]]] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False

    def start_query_execution(self, **request: Any) -> dict[str, str]:
        self.asked = request
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_request: Any) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        reason = {"StateChangeReason": "COLUMN_NOT_FOUND: line 1:8"} if state == "FAILED" else {}
        return {"QueryExecution": {"Status": {"State": state, **reason}}}

    def stop_query_execution(self, **_request: Any) -> None:
        self.stopped = True

    def get_paginator(self, _name: str) -> Self:
        return self

    def paginate(self, **_request: Any) -> Iterator[dict[str, Any]]:
        for page in self.pages:
            rows = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in page]
            yield {"ResultSet": {"Rows": rows}}


def ask(athena: FakeAthena, *, at_most_s: float = 9.0) -> list[dict[str, str | None]]:
    engine = QueryEngine(cast("AthenaClient", athena), workgroup="noriba", database="d", at_most_s=at_most_s)
    return engine.ask(STATEMENT)


def test_an_answer_is_rows_by_column_from_every_page() -> None:
    pages: list[list[list[str | None]]] = [[["name", "age"], ["a", "1"]], [["b", None]]]

    assert ask(FakeAthena(["QUEUED", "RUNNING", "SUCCEEDED"], pages)) == [
        {"name": "a", "age": "1"},
        {"name": "b", "age": None},
    ]


def test_values_travel_beside_the_text_and_text_among_them_in_quotes() -> None:
    athena = FakeAthena(["SUCCEEDED"])

    assert ask(athena) == []
    assert athena.asked == {
        "QueryString": STATEMENT.text,
        "ExecutionParameters": ["'o''neil'", "7"],
        "QueryExecutionContext": {"Database": "d"},
        "WorkGroup": "noriba",
    }


@pytest.mark.parametrize(
    ("state", "message"), [("FAILED", "failed: COLUMN_NOT_FOUND: line 1:8"), ("CANCELLED", "cancelled: no reason")]
)
def test_a_query_without_an_answer_says_why(state: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        ask(FakeAthena([state]))


def test_a_query_that_takes_too_long_is_stopped() -> None:
    athena = FakeAthena(["RUNNING"])

    with pytest.raises(QueryError, match="ask about fewer hours"):
        ask(athena, at_most_s=0.0)
    assert athena.stopped
