"""What an app reports of a prediction: its outcome, and what the business makes of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from noriba.events import CLOCK_SKEW, MOST_OUTCOME
from noriba.serving.answers import omit_default
from noriba.serving.problems import Problem, ProblemError
from noriba.timestamps import Timestamp
from noriba.usecase import CandidateId

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.usecase import BusinessMetric, UseCase


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


def check_observed(outcome: OutcomeRequest, *, now: datetime) -> None:
    """Refuse an outcome from the future.

    Raises:
        ProblemError: 422 naming the field.
    """
    if outcome.observed_at > now + CLOCK_SKEW:
        message = f"lies in the future; it is {now.isoformat(timespec='seconds')} here"
        raise ProblemError(Problem.of_field("observed_at", message))
