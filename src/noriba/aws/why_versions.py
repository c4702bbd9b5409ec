"""What one model version made of a request, and where that version came from."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, Any

from noriba.aws.objects import ObjectStore, split_uri
from noriba.aws.reasons import UnexplainedError
from noriba.errors import CorruptBundleError
from noriba.features.frozen import thaw_features
from noriba.monitoring.lookup import read_entries, state_entries
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact
from noriba.records.why import Answered, Effect, Origin, VersionAnswer
from noriba.serving.wording import say_contribution, say_doubt, say_rest
from noriba.timestamps import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.aws.reasons import Reasoner, Reasons
    from noriba.aws.registry import ModelPackage
    from noriba.aws.why import Traces
    from noriba.features import FeatureSet
    from noriba.monitoring.lookup import FoundOutcome, FoundRow
    from noriba.records.explanations import Explanation
    from noriba.usecase import UseCase

_SAME = 1e-6
"""Another processor may differ in the last bits."""


def explain_version(
    traces: Traces,
    prediction_id: str,
    rows: Sequence[FoundRow],
    happened: tuple[Mapping[str | None, FoundOutcome], Mapping[str | None, Mapping[str, float]]],
    *,
    reasoner: Reasoner | None,
) -> VersionAnswer:
    """One version's answer.

    Args:
        traces: of its use case.
        prediction_id: which prediction.
        rows: of this version, one at least.
        happened: outcomes and metrics, by candidate.
        reasoner: see `explain_prediction`.
    """
    version, outcomes, metrics = rows[0].model_version, *happened
    package = traces.find_package(version)
    artifact = None if package is None else _fetch_artifact(traces, package)
    asked = _find_asked(traces, prediction_id, rows[0], artifact)
    candidates = [asked.get(row.candidate_id, {}) for row in rows]
    without: list[dict[str, Any]] = [{"base": None, "contributions": (), "reasons": ()} for _ in rows]
    try:
        found = _ask_again(reasoner, package, artifact, rows, [one.get("features", {}) for one in candidates])
        told, unexplained = [_write_reasons(traces.use_case, found, number) for number in range(len(rows))], None
    except UnexplainedError as error:
        told, unexplained = without, str(error)
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


def _fetch_artifact(traces: Traces, package: ModelPackage) -> ModelArtifact | None:
    bucket, key = split_uri(package.model_data_uri)
    content = ObjectStore(traces.s3, bucket).find(key)
    return None if content is None else ModelArtifact(content)


def _find_asked(
    traces: Traces, prediction_id: str, row: FoundRow, artifact: ModelArtifact | None
) -> dict[str | None, dict[str, dict[str, float | None]]]:
    """What a version was asked, by candidate: map column of the table → name → number."""
    features = _read_features(traces.use_case, artifact)
    names = {"features": features.identities, "inputs": features.inputs}
    statement = state_entries(
        traces.use_case.name, prediction_id, names, version=row.model_version, at=from_microseconds(row.answered_at_us)
    )
    return {one["candidate_id"]: read_entries(one, names) for one in traces.tables.ask(statement)}


def _read_features(use_case: UseCase, artifact: ModelArtifact | None) -> FeatureSet:
    """As the model learned them; of one that is gone, or too old to hold them, as far as the code still has them."""
    try:
        return use_case.features if artifact is None else thaw_features(artifact.read(FEATURES_FILE).decode())
    except CorruptBundleError:
        return use_case.features


def _ask_again(
    reasoner: Reasoner | None,
    package: ModelPackage | None,
    artifact: ModelArtifact | None,
    rows: Sequence[FoundRow],
    asked: Sequence[Mapping[str, float | None]],
) -> Reasons:
    """The model's reasons, where it still answers what it answered.

    Raises:
        UnexplainedError: there are none; the message says why.
    """
    values = [row.value for row in rows if row.value is not None]
    if reasoner is None:
        raise UnexplainedError("they were not asked for")
    if package is None or artifact is None:
        raise UnexplainedError("the model, or its artifact, is there no more")
    if len(values) != len(rows):
        raise UnexplainedError("it gave no answer")
    if not all(asked):
        raise UnexplainedError("what it was asked is not known")
    found = reasoner.reason(package, artifact, asked)
    if not all(isclose(one, other, rel_tol=_SAME) for one, other in zip(found.values, values, strict=True)):
        raise UnexplainedError("asked again, the model answers something else: what was captured was not its own")
    return found


def _write_reasons(use_case: UseCase, found: Reasons, number: int) -> dict[str, Any]:
    """The fields of a row's `Answered` that the model itself gives."""
    explanation, doubts = found.explanations[number], found.doubts[number] if found.doubts else ()
    return {
        "base": explanation.base,
        "contributions": (*_write_contributions(use_case, explanation), *_write_rest(use_case, explanation)),
        "reasons": tuple(say_doubt(use_case, doubt) for doubt in doubts),
    }


def _write_contributions(use_case: UseCase, explanation: Explanation) -> list[Effect]:
    return [
        Effect(feature=one.column, value=one.value, amount=one.amount, text=say_contribution(use_case, one))
        for one in explanation.contributions
    ]


def _write_rest(use_case: UseCase, explanation: Explanation) -> list[Effect]:
    """What a container that does not tell all of them apart says of the others; without it, nothing would add up."""
    rest = explanation.rest
    return [Effect(feature="", value=None, amount=rest, text=say_rest(use_case, rest))] if rest else []


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
