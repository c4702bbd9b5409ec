"""What production is asked, answers and hears of it, as it is captured and compacted."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet

from noriba.events import OutcomeObserved
from noriba.monitoring.observations import OutcomesFile, PredictionsFile
from noriba.records.captures import CapturedAnswer, parse_capture
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns
from noriba.serving.requests import convert_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from noriba.usecase import UseCase

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def capture(
    use_case: UseCase,
    body: Mapping[str, Any],
    prediction_id: str,
    *,
    at: datetime = NOON,
    with_inputs: bool = True,
    is_answered: bool = True,
) -> CapturedAnswer:
    """A request, from an app's document to what SageMaker writes down of it and what is read of that."""
    request = use_case.request.model_validate(body)
    converted = convert_request(use_case, request)
    numbers = (1.0,) * (len(request.candidate_ids()) if is_answered else 0)
    asked = encode_columns(
        converted.columns,
        inputs=converted.inputs if with_inputs else None,
        candidate_ids=request.candidate_ids(),
        slices=converted.slices,
    )
    answered = encode_answer(ModelAnswer(numbers, numbers, numbers, 0.8, "digest"))
    sides = (("endpointInput", asked), ("endpointOutput", answered))
    body_of_capture = {side: {"encoding": "JSON", "data": data.decode()} for side, data in sides}
    metadata = {"inferenceId": prediction_id, "inferenceTime": at.isoformat()}
    found = parse_capture(json.dumps({"captureData": body_of_capture, "eventMetadata": metadata}))
    assert found is not None
    return found


@dataclass(frozen=True)
class Told:
    """An outcome that an app reports."""

    prediction_id: str
    value: float
    candidate_id: str | None = None
    observed_at: datetime = NOON
    reported_at: datetime = NOON


def write_predictions(answers: Mapping[str, list[CapturedAnswer]]) -> bytes:
    """An hour of answers, by variant, as a file."""
    file = PredictionsFile("endpoint")
    for variant, given in answers.items():
        file.add(variant, given)
    return file.finish(unreadable=1)


def write_outcomes(use_case: UseCase, outcomes: list[Told]) -> bytes:
    """An hour of outcomes as a file."""
    file = OutcomesFile()
    file.add(
        (
            one.reported_at,
            OutcomeObserved(
                use_case=use_case.name,
                prediction_id=one.prediction_id,
                candidate_id=one.candidate_id,
                value=one.value,
                observed_at=one.observed_at,
            ),
        )
        for one in outcomes
    )
    return file.finish(unreadable=1)


def read_file(content: bytes) -> pa.Table:
    return pyarrow.parquet.read_table(io.BytesIO(content))
