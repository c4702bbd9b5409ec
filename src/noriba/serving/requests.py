"""From a request's body to the columns that the endpoint reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noriba.events import MOST_OUTCOME
from noriba.serving.problems import Problem, ProblemError, describe_faults, list_faults
from noriba.timestamps import Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noriba.features import Column, FeatureSet
    from noriba.usecase import PredictionRequest, UseCase

CLOCK_SKEW = timedelta(minutes=5)


class OutcomeRequest(BaseModel):
    """What really happened to a prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="from the answer")
    candidate_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="which of several candidates it was"
    )
    value: float = Field(
        strict=True, gt=0, lt=MOST_OUTCOME, allow_inf_nan=False, description="in the unit of the prediction"
    )
    observed_at: Timestamp = Field(description="when the truth became known, with zone or offset; not in the future")


def parse_body(model: type[BaseModel], body: str | None) -> BaseModel:
    """A body as the model it must be.

    Raises:
        ProblemError: 400 when it is not a JSON object, 422 when a field is missing, extra, wrong or impossible; the
            fields at fault are named, the first twenty of them.
    """
    try:
        document = json.loads(body or "")
    # A body of nothing but brackets is deeper than the parser's stack.
    except (ValueError, RecursionError) as error:
        raise ProblemError(Problem.of(400, f"the body is not JSON: {error}")) from error
    if not isinstance(document, dict):
        raise ProblemError(Problem.of(400, "the body must be a JSON object"))
    try:
        return model.model_validate_json(body or "")
    except ValidationError as error:
        faults = list_faults(error)
        detail = describe_faults(faults, of=error.error_count())
        raise ProblemError(Problem.of(422, detail, errors=faults)) from error


def check_observed(outcome: OutcomeRequest, *, now: datetime) -> None:
    """Refuse an outcome from the future.

    Raises:
        ProblemError: 422 naming the field.
    """
    if outcome.observed_at > now + CLOCK_SKEW:
        message = f"lies in the future; it is {now.isoformat(timespec='seconds')} here"
        raise ProblemError(Problem.of_field("observed_at", message))


@dataclass(frozen=True)
class Converted:
    """A request as models and captures want it.

    Attributes:
        columns: under each feature's identity, of shape (n,).
        slices: what divides the traffic → the part that each of the n rows belongs to.
    """

    columns: dict[str, Column]
    slices: dict[str, list[str]]


def convert_request(use_case: UseCase, request: PredictionRequest, *, also: Iterable[FeatureSet] = ()) -> Converted:
    """The feature columns of a request, and the slices that its rows belong to.

    Args:
        use_case: whose features as they are declared now.
        request: what an app asks.
        also: feature sets as live models learned them, where those are others; a model picks its own columns.

    Raises:
        FeatureMismatchError: one of these sets reads an input that requests no longer bring.
    """
    inputs = request.to_columns()
    declared = use_case.features.compute(inputs)
    everything = {**inputs, **declared}
    columns = use_case.features.identify(declared)
    for features in also:
        columns = {**features.compute_identified(inputs), **columns}
    # `tolist` gives plain words: JSON knows no others.
    slices = {name: label(everything).tolist() for name, label in use_case.data.slices.items()}
    return Converted(columns, slices)
