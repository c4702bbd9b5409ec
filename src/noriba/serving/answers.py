"""From the endpoint's answer to what the app is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.records.inference import ModelAnswer
    from noriba.usecase import UseCase


def write_answer(
    use_case: UseCase,
    answer: ModelAnswer,
    *,
    prediction_id: str,
    model_version: int,
    candidate_ids: Sequence[str | None],
) -> dict[str, Any]:
    """The answer's JSON document; see `openapi.describe_answer` for its schema."""
    fields = use_case.answer
    rows = zip(candidate_ids, answer.value, answer.low, answer.high, strict=True)
    return {
        "prediction_id": prediction_id,
        "use_case": use_case.name,
        "model_version": model_version,
        "interval_coverage": round(answer.claimed_coverage, 6),
        "predictions": [
            {
                **({} if candidate_id is None else {"candidate_id": candidate_id}),
                fields.value: round(value, fields.decimals),
                fields.low: round(low, fields.decimals),
                fields.high: round(high, fields.decimals),
            }
            for candidate_id, value, low, high in rows
        ],
    }
