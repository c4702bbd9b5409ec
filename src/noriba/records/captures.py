"""What SageMaker captured of an endpoint, line by line, and where it lies.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noriba.records.inference import ModelAnswer, decode_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OUTCOMES, METRICS = "outcomes", "metrics"
"""Where what was observed lies, in the outcomes bucket: a folder for each day below these."""
_HOUR = timedelta(hours=1)
_NO_ANSWER = ModelAnswer((), (), (), claimed_coverage=math.nan, bundle_digest="")


@dataclass(frozen=True)
class CapturedAnswer:
    """What one variant answered to one request.

    Attributes:
        prediction_id: what the app was told.
        at: when it was answered.
        candidate_ids: the app's names of the rows; None where it gave none.
        answer: one entry a row, as far as the model answered; none of it when what it answered is no answer.
        slices: the part of the traffic that each row belongs to, by what divides it.
        group: of the request's subject; None where the variant was not picked by it.
    """

    prediction_id: str
    at: datetime
    candidate_ids: tuple[str | None, ...]
    answer: ModelAnswer
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether each row has its answer."""
        rows = len(self.candidate_ids)
        return len(self.answer.low) == len(self.answer.value) == len(self.answer.high) == rows


def parse_capture(line: str) -> CapturedAnswer | None:
    """The answer in a captured line; None for what nobody can join: no id, or a request that is not JSON."""
    document = json.loads(line)
    metadata, captured = document["eventMetadata"], document["captureData"]
    asked, answered = captured.get("endpointInput"), captured.get("endpointOutput")
    if "inferenceId" not in metadata or asked is None or answered is None:
        return None
    if asked["encoding"] != "JSON":
        return None
    try:
        answer = decode_answer(answered["data"].encode())
    except ValueError:
        # It counts against the model: left out, it would look as if nobody had asked.
        answer = _NO_ANSWER
    request = json.loads(asked["data"])
    rows = len(next(iter(request["columns"].values())))
    return CapturedAnswer(
        metadata["inferenceId"],
        datetime.fromisoformat(metadata["inferenceTime"]),
        tuple(request.get("candidate_ids") or [None] * rows),
        answer,
        {name: tuple(labels) for name, labels in request.get("slices", {}).items() if len(labels) == rows},
        request.get("group"),
    )


def name_capture_folders(endpoint: str, variant: str, *, since: datetime, until: datetime) -> Iterator[str]:
    """The prefixes under which captures of these hours lie."""
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour <= until:
        yield f"{endpoint}/{variant}/{hour:%Y/%m/%d/%H}/"
        hour += _HOUR


def name_outcome_folders(*, since: datetime, until: datetime, of: str = OUTCOMES) -> Iterator[str]:
    """The prefixes under which outcomes, or metrics, that came on these days lie."""
    day = since.astimezone(UTC).date()
    while day <= until.astimezone(UTC).date():
        yield f"{of}/date={day:%Y-%m-%d}/"
        day += timedelta(days=1)
