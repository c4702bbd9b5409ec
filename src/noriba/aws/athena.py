"""SQL on Athena: ask, wait, read the answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noriba.errors import NoribaError
from noriba.records.statements import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_athena import AthenaClient

    from noriba.records.statements import Statement

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0


class QueryError(NoribaError):
    """A query failed, was cancelled, or took too long."""


class QueryEngine:
    """Where queries are asked.

    Args:
        athena: a client.
        workgroup: says where answers lie, and how much a query may read.
        database: whose tables are meant.
        at_most_s: how long to wait for an answer.
    """

    def __init__(self, athena: AthenaClient, *, workgroup: str, database: str, at_most_s: float = 300.0) -> None:
        self._athena = athena
        self._workgroup, self._database, self._at_most_s = workgroup, database, at_most_s

    def ask(self, statement: Statement) -> list[dict[str, str | None]]:
        """The rows of the answer, by column; every value as text, for that is how Athena gives it.

        Raises:
            QueryError: there is no answer; the message is Athena's.
        """
        query = self._athena.start_query_execution(
            QueryString=statement.text,
            ExecutionParameters=write_parameters(statement),
            QueryExecutionContext={"Database": self._database},
            WorkGroup=self._workgroup,
        )["QueryExecutionId"]
        self._wait(query)
        return list(read_rows(self._athena, query))

    def _wait(self, query: str) -> None:
        pause_s, deadline_s = _FIRST_PAUSE_S, time.monotonic() + self._at_most_s
        while True:
            status = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in {"FAILED", "CANCELLED"}:
                reason = status.get("StateChangeReason") or "no reason was given"
                raise QueryError(f"query {query} {status['State'].lower()}: {reason}")
            if time.monotonic() > deadline_s:
                self._athena.stop_query_execution(QueryExecutionId=query)
                raise QueryError(
                    f"query {query} had no answer after {self._at_most_s:.0f} seconds; ask about fewer hours"
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def read_rows(athena: AthenaClient, query: str) -> Iterator[dict[str, str | None]]:
    """The rows of a query that succeeded, by column; every value as text."""
    names: list[str] | None = None
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query):
        for row in page["ResultSet"]["Rows"]:
            # A null has no value; the first row of a SELECT's answer holds the columns' names.
            # https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
            values = [datum.get("VarCharValue") for datum in row["Data"]]
            if names is None:
                names = [str(value) for value in values]
            else:
                yield dict(zip(names, values, strict=True))


def write_parameters(statement: Statement) -> list[str]:
    """The statement's values as Athena wants them beside its text."""
    return [_write(value) for value in statement.values]


def _write(value: str | int) -> str:
    """A value as Athena reads it: text in single quotes, or it may be taken for something else.

    https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
    """
    return str(value) if isinstance(value, int) else write_text(value)
