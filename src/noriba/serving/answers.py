"""From the endpoint's answer to what the app is told."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import SkipJsonSchema

from noriba.serving.wording import say_contribution, say_doubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.records.explanations import Doubt, Explanation
    from noriba.records.inference import ModelAnswer
    from noriba.usecase import AnswerSpec, UseCase


def omit_default(schema: dict[str, Any]) -> None:
    """A field that has no value is left out of the document; it is never null."""
    del schema["default"]


class FeatureEffect(BaseModel):
    """What one feature did to a prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    value: float | SkipJsonSchema[None] = Field(
        default=None, description="of the feature; left out when not known", json_schema_extra=omit_default
    )
    amount: float = Field(allow_inf_nan=False, description="in the prediction's unit; below 0 where it made it smaller")
    text: str = Field(description="the same in words")


class PredictionExplanation(BaseModel):
    """What a median is made of: base, all amounts and the rest add up to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str = Field(description="of base, amounts and rest")
    base: float = Field(allow_inf_nan=False, description="the prediction when nothing is known")
    features: tuple[FeatureEffect, ...] = Field(description="those that did most, in order")
    rest: float = Field(allow_inf_nan=False, description="of all other features, and what rounding leaves")


class CandidatePrediction(BaseModel):
    """Base of a use case's prediction, whose numbers have the names that the use case gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate_id: str | SkipJsonSchema[None] = Field(
        default=None, description="as the app sent it", json_schema_extra=omit_default
    )
    confidence: Literal["low"] | SkipJsonSchema[None] = Field(
        default=None, description="given where it may not be relied on", json_schema_extra=omit_default
    )
    reasons: tuple[str, ...] | SkipJsonSchema[None] = Field(
        default=None, description="why its confidence is low, in words", json_schema_extra=omit_default
    )
    explanation: PredictionExplanation | SkipJsonSchema[None] = Field(
        default=None, description="where the request asks to explain", json_schema_extra=omit_default
    )


class Answer(BaseModel):
    """Base of a use case's answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: UUID = Field(description="name it when reporting the outcome")
    use_case: str
    model_version: int = Field(strict=True, description="version in the model registry")
    interval_coverage: float = Field(description="share of outcomes that the interval holds")
    predictions: tuple[CandidatePrediction, ...] = Field(min_length=1)


class OutcomeReceipt(BaseModel):
    """An outcome was taken; it will be joined to its prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str = Field(description="as it was sent")


def define_answer(use_case: UseCase) -> type[Answer]:
    """The model of a use case's answers: what is written by it is what the API's description says."""
    return _define_answer(use_case.name, use_case.request.__name__.removesuffix("Request"), use_case.answer)


def write_answer(
    use_case: UseCase,
    answer: ModelAnswer,
    *,
    prediction_id: str,
    model_version: int,
    candidate_ids: Sequence[str | None],
) -> str:
    """The answer, as JSON.

    Raises:
        ValueError, TypeError: the model answered for other candidates than were asked about, or not with numbers.
    """
    fields = use_case.answer
    rows = zip(candidate_ids, answer.value, answer.low, answer.high, strict=True)
    predictions: list[dict[str, Any]] = [
        {
            "candidate_id": candidate_id,
            fields.value: round(value, fields.decimals),
            fields.low: round(low, fields.decimals),
            fields.high: round(high, fields.decimals),
        }
        for candidate_id, value, low, high in rows
    ]
    # Most answers have neither.
    if answer.doubts:
        for prediction, doubts in zip(predictions, answer.doubts, strict=True):
            prediction.update(_write_doubts(use_case, doubts))
    if answer.explanations:
        for prediction, explanation, value in zip(predictions, answer.explanations, answer.value, strict=True):
            prediction["explanation"] = _write_explanation(use_case, explanation, value)
    document = define_answer(use_case).model_validate(
        {
            "prediction_id": prediction_id,
            "use_case": use_case.name,
            "model_version": model_version,
            "interval_coverage": round(answer.claimed_coverage, 6),
            "predictions": predictions,
        }
    )
    return document.model_dump_json(exclude_none=True)


def _write_doubts(use_case: UseCase, doubts: Sequence[Doubt]) -> dict[str, Any]:
    return {"confidence": "low", "reasons": [say_doubt(use_case, doubt) for doubt in doubts]} if doubts else {}


def _write_explanation(use_case: UseCase, explanation: Explanation, value: float) -> dict[str, Any]:
    """Rounded like the prediction; the rest takes what rounding leaves, so that what an app is given adds up."""
    decimals = use_case.answer.decimals
    base = round(explanation.base, decimals)
    amounts = [round(one.amount, decimals) for one in explanation.contributions]
    features = [
        {"feature": one.column, "value": one.value, "amount": amount, "text": say_contribution(use_case, one)}
        for one, amount in zip(explanation.contributions, amounts, strict=True)
    ]
    # Plus nought: a minus nought is one to no reader.
    rest = round(round(value, decimals) - base - sum(amounts), decimals) + 0.0
    return {"unit": use_case.answer.unit, "base": base, "features": features, "rest": rest}


@lru_cache
def _define_answer(use_case: str, stem: str, fields: AnswerSpec) -> type[Answer]:
    numbers: dict[str, Any] = {
        name: (float, Field(allow_inf_nan=False, description=f"{meaning}, in {fields.unit}"))
        for name, meaning in (
            (fields.value, "median"),
            (fields.low, "lower end of the interval"),
            (fields.high, "upper end of the interval"),
        )
    }
    prediction: Any = create_model(f"{stem}Prediction", __base__=CandidatePrediction, **numbers)
    own: dict[str, Any] = {
        "use_case": (Literal[use_case], ...),
        "predictions": (Annotated[tuple[prediction, ...], Field(min_length=1)], ...),
    }
    return create_model(f"{stem}Answer", __base__=Answer, **own)
