"""Why a prediction was made: what the model was asked, which model it was, what it made of it, and what happened."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isclose
from typing import TYPE_CHECKING, Any

from noriba.aws.objects import ObjectStore
from noriba.aws.observations import Lines, list_keys
from noriba.client.bundles import Bundle, Reasons
from noriba.client.models import NoSuchModelError, find_model
from noriba.client.observations import ask_observations, compact_observations
from noriba.client.why_report import Answered, Effect, Origin, VersionAnswer, Why
from noriba.errors import CorruptBundleError, NoribaError
from noriba.monitoring.lookup import (
    FoundOutcome,
    FoundRow,
    pick_last,
    pick_last_word,
    read_entries,
    state_entries,
    state_outcomes,
    state_rows,
)
from noriba.records.captures import METRICS, name_outcome_folders
from noriba.serving.wording import say_contribution, say_doubt
from noriba.timestamps import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.aws.registry import ModelPackage
    from noriba.client.session import Session
    from noriba.usecase import UseCase

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ALL = 10_000
"""Contributions: more than any model has columns."""
_SAME = 1e-6
"""Another processor may differ in the last bits."""


class NoSuchPredictionError(NoribaError):
    """No prediction of that id was captured, as far as somebody looked."""


def read_why(
    session: Session, prediction_id: str, *, since: datetime, until: datetime, contributions: bool = True
) -> Why:
    """Find a prediction among those captured in a time, and say why it was made.

    Args:
        session: of its use case.
        prediction_id: as the app was told.
        since: where to begin to look.
        until: where to end; what happened to it may have been told later.
        contributions: whether its model is asked again, which needs LightGBM.

    Raises:
        NoSuchPredictionError: it is not there, or this is no prediction's id.
        NoLightGbmError: contributions are wanted, and cannot be computed here.
        ForeignBundleError: a model's artifact is not what was registered.
        FunctionError, QueryError: see `read_accuracy`.
    """
    if not _ID.fullmatch(prediction_id):
        raise NoSuchPredictionError(
            f"{prediction_id[:80]!r} is no prediction's id; it stands in the answer, as prediction_id"
        )
    compact_observations(session, since=since)
    rows = _find_rows(session, prediction_id, since=since, until=until)
    at = from_microseconds(rows[0].answered_at_us)
    versions = sorted({row.model_version for row in rows})
    happened = _find_outcomes(session, prediction_id, at), _find_metrics(session, prediction_id, at)
    return Why(
        prediction_id=prediction_id,
        use_case=session.use_case_name,
        unit=session.use_case.answer.unit,
        answered_at=at,
        versions=tuple(
            _explain_version(
                session,
                prediction_id,
                [row for row in rows if row.model_version == version],
                happened,
                contributions=contributions,
            )
            for version in versions
        ),
    )


def _find_rows(session: Session, prediction_id: str, *, since: datetime, until: datetime) -> list[FoundRow]:
    statement = state_rows(session.use_case_name, prediction_id, since=since, until=until)
    rows = pick_last(FoundRow.model_validate(row) for row in ask_observations(session, statement))
    if not rows:
        hours = (until - since).total_seconds() / 3600
        raise NoSuchPredictionError(
            f"no prediction {prediction_id} of {session.use_case_name} was captured within {hours:g} hours. Look "
            "further back (--hours), as far as captures are kept (capture_days); one of the last minutes may not be "
            "captured yet, and with a capture_percent below 100 some never are"
        )
    return rows


def _find_outcomes(session: Session, prediction_id: str, at: datetime) -> dict[str | None, FoundOutcome]:
    statement = state_outcomes(session.use_case_name, prediction_id, since=at, until=datetime.now(UTC))
    return pick_last_word(FoundOutcome.model_validate(row) for row in ask_observations(session, statement))


def _find_metrics(session: Session, prediction_id: str, at: datetime) -> dict[str | None, dict[str, float]]:
    """By candidate; of each metric what was observed last."""
    store = ObjectStore(session.clients.s3, session.deployment.outcomes_bucket)
    keys = list_keys(store, name_outcome_folders(since=at, until=datetime.now(UTC), of=METRICS))
    reported = Lines().read_metrics(store, keys, use_case=session.use_case_name)
    found: dict[str | None, dict[str, float]] = {}
    for one in sorted((r for r in reported if r.prediction_id == prediction_id), key=lambda r: r.observed_at):
        found.setdefault(one.candidate_id, {}).update(one.metrics)
    return found


def _explain_version(
    session: Session,
    prediction_id: str,
    rows: Sequence[FoundRow],
    happened: tuple[Mapping[str | None, FoundOutcome], Mapping[str | None, Mapping[str, float]]],
    *,
    contributions: bool,
) -> VersionAnswer:
    version, outcomes, metrics = rows[0].model_version, *happened
    try:
        package: ModelPackage | None = find_model(session, version)
    except NoSuchModelError:
        package = None
    bundle = None if package is None else Bundle.find(session, package)
    asked = _find_asked(session, prediction_id, rows[0], bundle)
    candidates = [asked.get(row.candidate_id, {}) for row in rows]
    told, unexplained = _tell_reasons(session.use_case, bundle, rows, candidates, contributions=contributions)
    return VersionAnswer(
        model_version=version,
        claimed_coverage=rows[0].claimed_coverage,
        origin=None if package is None else _describe_origin(package),
        unexplained=unexplained,
        candidates=tuple(
            Answered(
                candidate_id=row.candidate_id,
                low=row.low,
                value=row.value,
                high=row.high,
                features=given.get("features", {}),
                inputs=given.get("inputs", {}),
                metrics=dict(metrics.get(row.candidate_id, {})),
                **reasons,
                **_compare(row, outcomes.get(row.candidate_id)),
            )
            for row, given, reasons in zip(rows, candidates, told, strict=True)
        ),
    )


def _find_asked(
    session: Session, prediction_id: str, row: FoundRow, bundle: Bundle | None
) -> dict[str | None, dict[str, dict[str, float | None]]]:
    """What a version was asked, by candidate: map column of the table → name → number."""
    try:
        features = session.use_case.features if bundle is None else bundle.features
    except CorruptBundleError:
        # Too old to hold its definitions; as far as the code still has them.
        features = session.use_case.features
    names = {"features": features.identities, "inputs": features.inputs}
    statement = state_entries(
        session.use_case_name, prediction_id, names, version=row.model_version, at=from_microseconds(row.answered_at_us)
    )
    return {one["candidate_id"]: read_entries(one, names) for one in ask_observations(session, statement)}


def _tell_reasons(
    use_case: UseCase,
    bundle: Bundle | None,
    rows: Sequence[FoundRow],
    asked: Sequence[Mapping[str, dict[str, float | None]]],
    *,
    contributions: bool,
) -> tuple[list[dict[str, Any]], str | None]:
    """The fields of each row's `Answered` that the model itself gives, and why there are none."""
    without = [{"base": None, "contributions": (), "reasons": ()} for _ in rows]
    values = [row.value for row in rows if row.value is not None]
    if not contributions:
        return without, "they were not asked for"
    if bundle is None:
        return without, "the model, or its artifact, is there no more"
    if len(values) != len(rows):
        return without, "it gave no answer"
    found = bundle.reason([one["features"] for one in asked], humility=use_case.policies.humility, most=_ALL)
    if not all(isclose(one, other, rel_tol=_SAME) for one, other in zip(found.values, values, strict=True)):
        return without, "asked again, the model answers something else: what was captured was not its own"
    return [_write_reasons(use_case, found, number) for number in range(len(rows))], None


def _write_reasons(use_case: UseCase, found: Reasons, number: int) -> dict[str, Any]:
    explanation, doubts = found.explanations[number], found.doubts[number] if found.doubts else ()
    return {
        "base": explanation.base,
        "contributions": tuple(
            Effect(feature=one.column, value=one.value, amount=one.amount, text=say_contribution(use_case, one))
            for one in explanation.contributions
        ),
        "reasons": tuple(say_doubt(use_case, doubt) for doubt in doubts),
    }


def _compare(row: FoundRow, outcome: FoundOutcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"outcome": None, "observed_at": None, "error": None}
    error = None if row.value is None else row.value - outcome.value
    return {"outcome": outcome.value, "observed_at": from_microseconds(outcome.observed_at_us), "error": error}


def _describe_origin(package: ModelPackage) -> Origin:
    lineage = ("snapshot_id", "code_digest", "bundle_digest", "training_job_arn")
    return Origin(
        model_package_arn=package.arn,
        status=package.status,
        note=package.note,
        changed_at=package.changed_at,
        changed_by=package.changed_by,
        **{name: package.metadata.get(name) for name in lineage},
    )
