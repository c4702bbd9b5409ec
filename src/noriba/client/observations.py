"""Observations of a session's use case, asked by SQL: what came since is compacted first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.tables import ObservationTables
from noriba.monitoring.partitions import ASTRAY

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.client.session import Session
    from noriba.records.statements import Statement

_SLICE_S = 30.0
"""How long one call compacts; a connection that is silent for a minute is given up."""


def open_tables(session: Session) -> ObservationTables:
    """The tables of a deployment."""
    deployment = session.deployment
    return ObservationTables(
        session.at("observations"),
        session.use_case_name,
        compactor=deployment.compact_function,
        workgroup=deployment.query_workgroup,
        database=deployment.observations_database,
    )


def compact_observations(session: Session, *, since: datetime) -> None:
    """Compact all hours from a time on that are not yet, the one that has only begun among them.

    An outcome of this minute may be of a prediction of yesterday, so two halves that are counted apart could not be
    added up.

    Raises:
        FunctionError: hours could not be compacted.
    """
    tables = open_tables(session)
    while not tables.compact(since=since - ASTRAY, at_most_s=_SLICE_S):
        pass


def ask_observations(session: Session, statement: Statement) -> list[dict[str, str | None]]:
    """The rows of an answer.

    Raises:
        QueryError: there is none; a query may read no more than the deployment's `query_gib`.
    """
    return open_tables(session).ask(statement)
