"""What SageMaker captured of an endpoint, line by line, and where it lies.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from noriba.records.inference import CONTENT_TYPE, ModelAnswer, read_inputs
from noriba.records.packed import PACKED_TYPE, is_packed, read_answer, to_document
from noriba.timestamps import HOUR, begin_hour

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")
OUTCOMES, METRICS = "outcomes", "metrics"
"""Where what was observed lies, in the outcomes bucket: a folder for each day below these, and in it for each hour."""
CAPTURED_ENDPOINT, CAPTURED_VARIANT = "endpointName", "variantName"
"""Of a line's metadata, where functions wrote it: by these it gets into its folder. SageMaker writes neither."""
_MOST_GROUP = 2**31
"""What a column of groups cannot hold; there are a thousand."""
_UNDER_HOUR = re.compile(
    r"(?:[^/]+/[^/]+/(\d{4})/(\d\d)/(\d\d)/(\d\d)|outcomes/date=(\d{4})-(\d\d)-(\d\d)/hour=(\d\d))/[^/]+"
)
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
        features: what the model was asked, by identity; None for what was not known.
        inputs: what these were computed from, likewise; none of it where it was not sent along.
    """

    prediction_id: str
    at: datetime
    candidate_ids: tuple[str | None, ...]
    answer: ModelAnswer
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: int | None = None
    features: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    inputs: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether each row has its answer."""
        rows, answer = len(self.candidate_ids), self.answer
        doubted = len(answer.doubts) in {0, rows}
        return doubted and len(answer.low) == len(answer.value) == len(answer.high) == rows


def parse_capture(line: str) -> CapturedAnswer | None:
    """The answer in a captured line; None for what nobody can join: no id, or a request in neither of our forms.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, StopIteration, OverflowError: the line is something else. What
            is returned can be written into a table as it is.
    """
    document = json.loads(line)
    metadata, captured = document["eventMetadata"], document["captureData"]
    asked, answered = captured.get("endpointInput"), captured.get("endpointOutput")
    if "inferenceId" not in metadata or asked is None or answered is None:
        return None
    body = _read_data(asked)
    if is_packed(body):
        request = to_document(body)
    elif asked["encoding"] == "JSON":
        request = json.loads(body)
    else:
        return None
    try:
        answer = read_answer(_read_data(answered))
    except ValueError:
        # It counts against the model: left out, it would look as if nobody had asked.
        answer = _NO_ANSWER
    rows = len(next(iter(request["columns"].values())))
    at = datetime.fromisoformat(metadata["inferenceTime"])
    if at.tzinfo is None:
        raise ValueError("the time has no zone")
    return CapturedAnswer(
        _check_text(metadata["inferenceId"]),
        at,
        _check_names(request.get("candidate_ids") or [None] * rows, rows),
        answer,
        {
            _check_text(name): tuple(map(_check_text, labels))
            for name, labels in request.get("slices", {}).items()
            if len(labels) == rows
        },
        _check_group(request.get("group")),
        _check_columns(request["columns"], rows),
        _check_columns(read_inputs(request, rows), rows),
    )


def _read_data(side: Mapping[str, str]) -> bytes:
    """What was sent, as it was; SageMaker writes down in Base64 what it was not told to be text."""
    return base64.b64decode(side["data"], validate=True) if side["encoding"] == "BASE64" else side["data"].encode()


def _write_data(body: bytes) -> dict[str, str]:
    if is_packed(body):
        data = base64.b64encode(body).decode()
        return {"observedContentType": PACKED_TYPE, "data": data, "encoding": "BASE64"}
    return {"observedContentType": CONTENT_TYPE, "data": body.decode(), "encoding": "JSON"}


def write_capture(
    endpoint: str, variant: str, asked: bytes, answered: bytes, *, inference_id: str | None, event_id: str, at: datetime
) -> str:
    """A line as SageMaker writes it, for what answers without SageMaker; and in it, where it is to lie.

    Args:
        endpoint: its name.
        variant: that answered.
        asked: the body of the invocation.
        answered: the body of the answer.
        inference_id: the prediction's id; None for what is no prediction of anybody's.
        event_id: of this capture.
        at: when it was answered.
    """
    sides = {"endpointInput": ("INPUT", asked), "endpointOutput": ("OUTPUT", answered)}
    document = {
        "captureData": {name: {"mode": mode, **_write_data(body)} for name, (mode, body) in sides.items()},
        "eventMetadata": {
            "eventId": event_id,
            **({} if inference_id is None else {"inferenceId": inference_id}),
            "inferenceTime": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            CAPTURED_ENDPOINT: endpoint,
            CAPTURED_VARIANT: variant,
        },
        "eventVersion": "0",
    }
    return json.dumps(document) + "\n"


def _check_text(text: str) -> str:
    """Text that can be written down: JSON can escape halves of characters, which UTF-8 has no bytes for."""
    text.encode()
    return text


def _check_names(names: list[str | None], rows: int) -> tuple[str | None, ...]:
    return _check_length((None if name is None else _check_text(name) for name in names), rows)


def _check_group(group: int | None) -> int | None:
    if group is not None and not 0 <= group < _MOST_GROUP:
        raise ValueError(f"{group} is no group")
    return group


def _check_columns(columns: Mapping[str, Iterable[float | None]], rows: int) -> Mapping[str, tuple[float | None, ...]]:
    return {_check_text(name): _check_values(values, rows) for name, values in columns.items()}


def _check_values(values: Iterable[float | None], rows: int) -> tuple[float | None, ...]:
    return _check_length((None if value is None else float(value) for value in values), rows)


def _check_length(values: Iterable[T], rows: int) -> tuple[T, ...]:
    some = tuple(values)
    if len(some) != rows:
        raise ValueError(f"{len(some)} for {rows} rows")
    return some


def name_capture_folder(endpoint: str, variant: str, hour: datetime) -> str:
    """The prefix under which an hour's captures lie."""
    return f"{endpoint}/{variant}/{hour:%Y/%m/%d/%H}/"


def name_outcome_folder(hour: datetime) -> str:
    """The prefix under which outcomes that came in an hour lie."""
    return f"{OUTCOMES}/date={hour:%Y-%m-%d}/hour={hour:%H}/"


def read_hour(key: str) -> datetime | None:
    """The hour under which an object of captures or outcomes lies; None where it lies under none."""
    found = _UNDER_HOUR.fullmatch(key)
    if found is None:
        return None
    return datetime(*(int(part) for part in found.groups() if part), tzinfo=UTC)  # type: ignore[misc, arg-type]  # four


def name_capture_folders(endpoint: str, variant: str, *, since: datetime, until: datetime) -> Iterator[str]:
    """The prefixes under which captures of these hours lie."""
    hour = begin_hour(since)
    while hour <= until:
        yield name_capture_folder(endpoint, variant, hour)
        hour += HOUR


def name_outcome_folders(*, since: datetime, until: datetime, of: str = OUTCOMES) -> Iterator[str]:
    """The prefixes under which outcomes, or metrics, that came on these days lie."""
    day = since.astimezone(UTC).date()
    while day <= until.astimezone(UTC).date():
        yield f"{of}/date={day:%Y-%m-%d}/"
        day += timedelta(days=1)
