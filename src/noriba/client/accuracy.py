"""How right the models in service were: captures beside outcomes, by SQL over what was compacted of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.client.observations import ask_observations, compact_observations
from noriba.monitoring.accuracy import OutcomeTroubles, VariantAccuracy, state_accuracy, state_troubles

if TYPE_CHECKING:
    from noriba.client.session import Session


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

    Raises:
        FunctionError: hours could not be compacted.
        QueryError: there is no answer; a query may read no more than the deployment's `query_gib`.
    """
    use_case = session.use_case
    compact_observations(session, since=since)
    now = datetime.now(UTC)
    versions = ask_observations(session, state_accuracy(use_case.name, since=since, until=until, now=now))
    [found] = ask_observations(session, state_troubles(use_case.name, since=since, until=until, now=now))
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
