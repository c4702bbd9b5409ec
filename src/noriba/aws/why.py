"""Why a prediction was made: what the model was asked, which model it was, what it made of it, and what happened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noriba.aws.observations import Lines, list_keys
from noriba.aws.why_versions import explain_version
from noriba.errors import NoribaError
from noriba.monitoring.lookup import (
    FoundOutcome,
    FoundRow,
    pick_last,
    pick_last_word,
    state_outcomes,
    state_rows,
)
from noriba.records.captures import METRICS, name_outcome_folders
from noriba.records.why import Why
from noriba.timestamps import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from noriba.aws.objects import ObjectStore
    from noriba.aws.reasons import Reasoner
    from noriba.aws.registry import ModelPackage
    from noriba.aws.tables import ObservationTables
    from noriba.usecase import UseCase

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NoSuchPredictionError(NoribaError):
    """No prediction of that id was captured, as far as somebody looked."""


@dataclass(frozen=True)
class Traces:
    """Where predictions of a use case leave traces.

    Attributes:
        use_case: as the code declares it.
        tables: of observations, compacted as far as anybody wants to see.
        outcomes: the bucket of what was reported.
        s3: for models' artifacts, wherever they lie.
        find_package: the registered model of a version; None where the registry has it no more.
    """

    use_case: UseCase
    tables: ObservationTables
    outcomes: ObjectStore
    s3: S3Client
    find_package: Callable[[int], ModelPackage | None]


def is_prediction_id(text: str) -> bool:
    """Whether a prediction may have such an id."""
    return _ID.fullmatch(text) is not None


def explain_prediction(
    traces: Traces,
    prediction_id: str,
    *,
    since: datetime,
    until: datetime,
    reasoner: Reasoner | None,
    candidate_id: str | None = None,
) -> Why:
    """Find a prediction among those captured in a time, and say why it was made.

    Args:
        traces: of its use case.
        prediction_id: as the app was told.
        since: where to begin to look.
        until: where to end; what happened to it may have been told later.
        reasoner: who asks its model again; None to leave contributions out.
        candidate_id: the one that it is about; all of them when None.

    Raises:
        NoSuchPredictionError: it is not there.
        QueryError: observations gave no answer.
        NoribaError: what the reasoner raises, but for an `UnexplainedError`, which is told.
    """
    rows = _find_rows(traces, prediction_id, since=since, until=until)
    if candidate_id is not None:
        rows = [row for row in rows if row.candidate_id == candidate_id]
        if not rows:
            raise NoSuchPredictionError(f"prediction {prediction_id} has no candidate of that name")
    at = from_microseconds(rows[0].answered_at_us)
    happened = _find_outcomes(traces, prediction_id, at), _find_metrics(traces, prediction_id, at)
    return Why(
        prediction_id=prediction_id,
        use_case=traces.use_case.name,
        unit=traces.use_case.answer.unit,
        answered_at=at,
        versions=tuple(
            explain_version(
                traces,
                prediction_id,
                [row for row in rows if row.model_version == version],
                happened,
                reasoner=reasoner,
            )
            for version in sorted({row.model_version for row in rows})
        ),
    )


def _find_rows(traces: Traces, prediction_id: str, *, since: datetime, until: datetime) -> list[FoundRow]:
    statement = state_rows(traces.use_case.name, prediction_id, since=since, until=until)
    rows = pick_last(FoundRow.model_validate(row) for row in traces.tables.ask(statement))
    if not rows:
        hours = (until - since).total_seconds() / 3600
        raise NoSuchPredictionError(
            f"no prediction {prediction_id} of {traces.use_case.name} was captured within {hours:g} hours. Look "
            "further back (--hours), as far as captures are kept (capture_days); one of the last minutes may not be "
            "captured yet, and with a capture_percent below 100 some never are"
        )
    return rows


def _find_outcomes(traces: Traces, prediction_id: str, at: datetime) -> dict[str | None, FoundOutcome]:
    statement = state_outcomes(traces.use_case.name, prediction_id, since=at, until=datetime.now(UTC))
    return pick_last_word(FoundOutcome.model_validate(row) for row in traces.tables.ask(statement))


def _find_metrics(traces: Traces, prediction_id: str, at: datetime) -> dict[str | None, dict[str, float]]:
    """By candidate; of each metric what was observed last."""
    keys = list_keys(traces.outcomes, name_outcome_folders(since=at, until=datetime.now(UTC), of=METRICS))
    reported = Lines().read_metrics(traces.outcomes, keys, use_case=traces.use_case.name)
    found: dict[str | None, dict[str, float]] = {}
    for one in sorted((r for r in reported if r.prediction_id == prediction_id), key=lambda r: r.observed_at):
        found.setdefault(one.candidate_id, {}).update(one.metrics)
    return found
