"""How right the models in service were: captures beside outcomes, by SQL over what was compacted of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.athena import QueryEngine
from noriba.aws.functions import invoke
from noriba.monitoring.accuracy import ASTRAY, OutcomeTroubles, VariantAccuracy, state_accuracy, state_troubles
from noriba.records.compaction import CompactionReport, CompactionTask

if TYPE_CHECKING:
    from noriba.client.session import Session

_SLICE_S = 30.0
"""How long one call compacts; a connection that is silent for a minute is given up."""


class AccuracyReport(BaseModel):
    """All versions that answered, and what was wrong with the outcomes."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    unit: str
    since: datetime
    until: datetime
    variants: tuple[VariantAccuracy, ...]
    outcomes_unknown: int = Field(description="of predictions that were not captured in this time")
    outcomes_repeated: int
    outcomes_contradicted: int = Field(description="predictions with different outcomes; the last observed counts")
    unreadable_lines: int = Field(description="of captures and outcomes; left out")


def read_accuracy(session: Session, *, since: datetime, until: datetime) -> AccuracyReport:
    """Join what was captured in a time to the outcomes that have come since.

    Hours that are not compacted yet, the one that has only begun among them, are compacted first: an outcome of this
    minute may be of a prediction of yesterday, so two halves that are counted apart could not be added up.

    Raises:
        FunctionError: hours could not be compacted.
        QueryError: there is no answer; a query may read no more than the deployment's `query_gib`.
    """
    deployment, use_case = session.deployment, session.use_case
    task = CompactionTask(use_case=use_case.name, since=since - ASTRAY, at_most_s=_SLICE_S)
    while not _compact(session, task).done:
        pass
    engine = QueryEngine(
        session.clients.athena, workgroup=deployment.query_workgroup, database=deployment.observations_database
    )
    now = datetime.now(UTC)
    versions = engine.ask(state_accuracy(use_case.name, since=since, until=until, now=now))
    [found] = engine.ask(state_troubles(use_case.name, since=since, until=until, now=now))
    troubles = OutcomeTroubles.model_validate(found)
    return AccuracyReport(
        use_case=use_case.name,
        unit=use_case.answer.unit,
        since=since,
        until=until,
        variants=tuple(map(VariantAccuracy.model_validate, versions)),
        outcomes_unknown=troubles.unknown,
        outcomes_repeated=troubles.repeated,
        outcomes_contradicted=troubles.contradicted,
        unreadable_lines=troubles.unreadable,
    )


def _compact(session: Session, task: CompactionTask) -> CompactionReport:
    answer = invoke(session.clients.functions, session.deployment.compact_function, task.model_dump_json())
    return CompactionReport.model_validate_json(answer)
