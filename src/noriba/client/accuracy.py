"""How right the models in service were: captures beside outcomes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.objects import ObjectStore
from noriba.aws.observations import Lines, list_keys
from noriba.monitoring.accuracy import count_unknown, gather_outcomes, measure_accuracy
from noriba.records.captures import name_capture_folders, name_outcome_folders
from noriba.records.names import name_endpoint, read_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.client.session import Session
    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer


class VariantAccuracy(BaseModel):
    """One model version, in the unit of the use case's answers."""

    model_config = ConfigDict(frozen=True)

    model_version: int
    answered: int = Field(description="predictions, one for each candidate")
    with_outcome: int = Field(description="those whose outcome is known")
    mae: float | None
    bias: float | None = Field(description="above 0: predicted too much")
    coverage: float | None = Field(description="share of outcomes within the interval")
    claimed_coverage: float | None


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
    """Join what was captured in a time to the outcomes that have come since; reads the objects of those hours."""
    lines = Lines()
    deployment, use_case = session.deployment, session.use_case
    captures = ObjectStore(session.clients.s3, deployment.captures_bucket)
    endpoint = name_endpoint(use_case.name, prefix=deployment.prefix)
    answers = {
        variant: _read_answers(captures, endpoint, variant, lines, since=since, until=until)
        for variant in captures.list_folders(f"{endpoint}/")
    }
    outcomes = gather_outcomes(_read_outcomes(session, lines, since=since))
    return AccuracyReport(
        use_case=use_case.name,
        unit=use_case.answer.unit,
        since=since,
        until=until,
        variants=tuple(
            VariantAccuracy(model_version=read_version(variant), **vars(measure_accuracy(given, outcomes)))
            for variant, given in sorted(answers.items(), key=lambda item: read_version(item[0]))
            if given
        ),
        outcomes_unknown=count_unknown(outcomes, (one for given in answers.values() for one in given)),
        outcomes_repeated=outcomes.repeated,
        outcomes_contradicted=outcomes.contradicted,
        unreadable_lines=lines.unreadable,
    )


def _read_answers(
    captures: ObjectStore, endpoint: str, variant: str, lines: Lines, *, since: datetime, until: datetime
) -> list[CapturedAnswer]:
    keys = list_keys(captures, name_capture_folders(endpoint, variant, since=since, until=until))
    return [one for one in lines.read_answers(captures, keys) if since <= one.at <= until]


def _read_outcomes(session: Session, lines: Lines, *, since: datetime) -> Iterator[OutcomeObserved]:
    """Outcomes of the use case that have come since, up to now: an outcome follows its prediction."""
    store = ObjectStore(session.clients.s3, session.deployment.outcomes_bucket)
    keys = list_keys(store, name_outcome_folders(since=since, until=datetime.now(UTC)))
    return lines.read_outcomes(store, keys, use_case=session.use_case.name)
