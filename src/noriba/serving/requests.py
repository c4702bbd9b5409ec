"""From a request's body to the columns that the endpoint reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from noriba.events import CLOCK_SKEW, MOST_OUTCOME
from noriba.features import as_column
from noriba.serving.answers import omit_default
from noriba.serving.live_inputs import compute_with_live_inputs
from noriba.serving.problems import Problem, ProblemError, describe_faults, list_faults
from noriba.timestamps import Timestamp
from noriba.usecase import MOST_EXPLAINED, CandidateId

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from noriba.features import Column, FeatureSet
    from noriba.records.live import LiveState
    from noriba.usecase import BusinessMetric, PredictionRequest, UseCase


_Value = Annotated[float, Field(strict=True, gt=0, lt=MOST_OUTCOME, allow_inf_nan=False)]


def _measure_type(metric: BusinessMetric) -> Any:
    """The type of a metric's value: as a number, where it is one that the metric can have."""
    if metric.value_range is None:
        values = "true or false"
        schema: dict[str, Any] = {"anyOf": [{"type": "boolean"}, {"enum": [0, 1]}]}
    else:
        least, greatest = metric.value_range
        values = f"a number from {least:g} to {greatest:g}"
        schema = {"type": "number", "minimum": least, "maximum": greatest}

    def read(value: object) -> float:
        # Not left to a union: whoever sends something else would be told of each of its members.
        is_number = isinstance(value, int | float) and (metric.value_range is None or not isinstance(value, bool))
        if not is_number or not metric.allows(value):  # type: ignore[arg-type]  # a number
            raise ValueError(f"must be {values}, as the use case declares this metric")
        return float(value)  # type: ignore[arg-type]

    return Annotated[float, BeforeValidator(read), WithJsonSchema(schema)]


class OutcomeRequest(BaseModel):
    """What really happened to a prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="from the answer")
    candidate_id: CandidateId | None = Field(default=None, description="which of several candidates it was")
    value: _Value = Field(description="in the unit of the prediction")
    observed_at: Timestamp = Field(description="when the truth became known, with zone or offset; not in the future")


class Metrics(BaseModel):
    """Base of what a use case's apps may report besides; a field for each of its metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"minProperties": 1})


class MeasuredOutcome(OutcomeRequest):
    """What really happened to a prediction: its outcome, what the business makes of it, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["value"], "properties": {"value": {"type": "number"}}},
                {"required": ["metrics"], "properties": {"metrics": {"type": "object"}}},
            ]
        }
    )

    value: _Value | None = Field(default=None, description="in the unit of the prediction")  # type: ignore[assignment]  # a ride that was cancelled has none
    metrics: Metrics | None = None

    @field_validator("metrics")
    @classmethod
    def _name_one(cls, metrics: Metrics | None) -> Metrics | None:
        if metrics is not None and not metrics.model_fields_set:
            raise ValueError("there is no metric in it; name one, or leave it out")
        return metrics

    @model_validator(mode="after")
    def _say_something(self) -> Self:
        if self.value is None and self.metrics is None:
            raise ValueError("give the outcome's value, or metrics, or both")
        return self


def define_outcome(use_case: UseCase) -> type[OutcomeRequest]:
    """The model of what a use case's apps report."""
    return _define_outcome(use_case.request.__name__.removesuffix("Request"), tuple(use_case.metrics))


@lru_cache
def _define_outcome(stem: str, declared: tuple[BusinessMetric, ...]) -> type[OutcomeRequest]:
    if not declared:
        return OutcomeRequest
    # None is what a metric that was not reported reads as; an app cannot send it.
    fields: dict[str, Any] = {
        one.name: (
            _measure_type(one),
            Field(default=None, description=f"{one.meaning}; better: {one.better}", json_schema_extra=omit_default),
        )
        for one in declared
    }
    metrics: Any = create_model(f"{stem}Metrics", __base__=Metrics, **fields)
    own: dict[str, Any] = {"metrics": (metrics | None, Field(default=None, description="true is 1, false is 0"))}
    return create_model(f"{stem}Outcome", __base__=MeasuredOutcome, **own)


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


def check_observed(outcome: OutcomeRequest, *, now: datetime) -> None:
    """Refuse an outcome from the future.

    Raises:
        ProblemError: 422 naming the field.
    """
    if outcome.observed_at > now + CLOCK_SKEW:
        message = f"lies in the future; it is {now.isoformat(timespec='seconds')} here"
        raise ProblemError(Problem.of_field("observed_at", message))


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
