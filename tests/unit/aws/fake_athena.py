"""Athena as a client sees it; the laptop's engine finds the answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


@dataclass
class FakeAthena:
    """Runs queries as they come; `bind` is what Athena does with parameters."""

    engine: duckdb.DuckDBPyConnection
    answers: dict[str, Any] = field(default_factory=dict)

    def start_query_execution(self, *, QueryString: str, ExecutionParameters: list[str], **_: Any) -> dict[str, str]:  # noqa: N803
        for literal in ExecutionParameters:
            QueryString = QueryString.replace("?", literal, 1)  # noqa: N806
        found = self.engine.execute(QueryString)
        names = [column[0] for column in found.description or ()]
        rows = [names, *found.fetchall()]
        said = [{"Data": [{} if v is None else {"VarCharValue": str(v)} for v in row]} for row in rows]
        self.answers[str(len(self.answers))] = [{"ResultSet": {"Rows": said}}]
        return {"QueryExecutionId": str(len(self.answers) - 1)}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        return {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}

    def get_paginator(self, _name: str) -> Any:
        return SimpleNamespace(paginate=lambda **query: self.answers[query["QueryExecutionId"]])
