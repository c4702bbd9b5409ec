"""Observations as tables: what came since is compacted first, then they are asked by SQL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noriba.aws.athena import QueryEngine
from noriba.aws.functions import invoke
from noriba.records.compaction import CompactionReport, CompactionTask

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.aws.clients import Clients
    from noriba.records.statements import Statement

_PATIENCE_S = 300.0


class ObservationTables:
    """The tables of one use case.

    Args:
        clients: of Lambda and Athena.
        use_case: its name.
        compactor: the function that makes tables of what came since.
        workgroup: where queries are asked.
        database: of the tables.
        deadline_s: by when a query must be answered, of the clock that only goes forward; each within five minutes when
            None.
    """

    def __init__(
        self,
        clients: Clients,
        use_case: str,
        *,
        compactor: str,
        workgroup: str,
        database: str,
        deadline_s: float | None = None,
    ) -> None:
        self._clients, self._use_case = clients, use_case
        self._compactor, self._workgroup, self._database = compactor, workgroup, database
        self._deadline_s = deadline_s

    def compact(self, *, since: datetime, at_most_s: float) -> bool:
        """Compact hours from a time on that are not yet, for so long; whether nothing is left.

        Raises:
            FunctionError: hours could not be compacted.
        """
        task = CompactionTask(use_case=self._use_case, since=since, at_most_s=at_most_s)
        answer = invoke(self._clients.functions, self._compactor, task.model_dump_json())
        return CompactionReport.model_validate_json(answer).done

    def ask(self, statement: Statement) -> list[dict[str, str | None]]:
        """The rows of an answer.

        Raises:
            QueryError: there is none; a query may read no more than the deployment's `query_gib`.
        """
        left_s = _PATIENCE_S if self._deadline_s is None else max(0.0, self._deadline_s - time.monotonic())
        engine = QueryEngine(self._clients.athena, workgroup=self._workgroup, database=self._database, at_most_s=left_s)
        return engine.ask(statement)
