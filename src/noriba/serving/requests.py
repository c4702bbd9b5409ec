"""From a request's body to the columns that the endpoint reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from noriba.features import as_column
from noriba.serving.live_inputs import compute_with_live_inputs
from noriba.serving.problems import Problem, ProblemError, describe_faults, list_faults
from noriba.usecase import MOST_EXPLAINED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from noriba.features import Column, FeatureSet
    from noriba.records.live import LiveState
    from noriba.usecase import PredictionRequest, UseCase


def parse_body(model: type[BaseModel], body: str | None) -> BaseModel:
    """A body as the model it must be.

    Raises:
        ProblemError: 400 when it is not a JSON object, 422 when a field is missing, extra, wrong or impossible; the
            fields at fault are named, the first twenty of them.
    """
    try:
        return model.model_validate_json(body or "")
    except ValidationError as error:
        _check_object(body)
        faults = list_faults(error)
        detail = describe_faults(faults, of=error.error_count())
        raise ProblemError(Problem.of(422, detail, errors=faults)) from error


def _check_object(body: str | None) -> None:
    """Tell a body that is no object apart from one whose fields are wrong."""
    try:
        document = json.loads(body or "")
    # A body of nothing but brackets is deeper than the parser's stack.
    except (ValueError, RecursionError) as error:
        raise ProblemError(Problem.of(400, f"the body is not JSON: {error}")) from error
    if not isinstance(document, dict):
        raise ProblemError(Problem.of(400, "the body must be a JSON object"))


def check_explained(request: PredictionRequest) -> None:
    """Refuse to explain more candidates than a model does while an app waits.

    Raises:
        ProblemError: 422 naming the field.
    """
    if request.explain and (found := len(request.candidate_ids())) > MOST_EXPLAINED:
        message = f"at most {MOST_EXPLAINED} candidates are explained at once, not {found}; send fewer, or leave it out"
        raise ProblemError(Problem.of_field("explain", message))


@dataclass(frozen=True)
class Converted:
    """A request as models and captures want it.

    Attributes:
        columns: under each feature's identity, of shape (n,).
        inputs: what they were computed from, likewise of shape (n,).
        slices: what divides the traffic → the part that each of the n rows belongs to.
    """

    columns: dict[str, Column]
    inputs: dict[str, Column]
    slices: dict[str, list[str]]


def convert_request(
    use_case: UseCase,
    request: PredictionRequest,
    *,
    also: Iterable[FeatureSet] = (),
    live: LiveState | None = None,
) -> Converted:
    """The feature columns of a request, what they are computed from, and the slices that its rows belong to.

    Args:
        use_case: whose features as they are declared now.
        request: what an app asks.
        also: feature sets as live models learned them, where those are others; a model picks its own columns.
        live: what is known of the last hours; the request is answered without it, too.

    Raises:
        FeatureMismatchError: one of these sets reads an input that requests no longer bring.
    """
    brought = {name: as_column(values) for name, values in request.to_columns().items()}
    inputs, declared = compute_with_live_inputs(use_case, brought, live)
    everything = {**inputs, **declared}
    columns = use_case.features.identify(declared)
    for features in also:
        columns = {**features.compute_identified(inputs), **columns}
    # `tolist` gives plain words: JSON knows no others.
    slices = {name: label(everything).tolist() for name, label in use_case.data.slices.items()}
    return Converted(columns, inputs, slices)
