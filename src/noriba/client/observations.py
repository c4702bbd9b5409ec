"""Observations, asked by SQL: what came since is compacted first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.athena import QueryEngine
from noriba.aws.functions import invoke
from noriba.monitoring.partitions import ASTRAY
from noriba.records.compaction import CompactionReport, CompactionTask

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.client.session import Session
    from noriba.records.statements import Statement

_SLICE_S = 30.0
"""How long one call compacts; a connection that is silent for a minute is given up."""


def compact_observations(session: Session, *, since: datetime) -> None:
    """Compact all hours from a time on that are not yet, the one that has only begun among them.

    An outcome of this minute may be of a prediction of yesterday, so two halves that are counted apart could not be
    added up.

    Raises:
        FunctionError: hours could not be compacted.
    """
    task = CompactionTask(use_case=session.use_case_name, since=since - ASTRAY, at_most_s=_SLICE_S)
    while not _compact(session, task).done:
        pass


def ask_observations(session: Session, statement: Statement) -> list[dict[str, str | None]]:
    """The rows of an answer.

    Raises:
        QueryError: there is none; a query may read no more than the deployment's `query_gib`.
    """
    deployment = session.deployment
    engine = QueryEngine(
        session.clients.athena, workgroup=deployment.query_workgroup, database=deployment.observations_database
    )
    return engine.ask(statement)


def _compact(session: Session, task: CompactionTask) -> CompactionReport:
    answer = invoke(session.clients.functions, session.deployment.compact_function, task.model_dump_json())
    return CompactionReport.model_validate_json(answer)
