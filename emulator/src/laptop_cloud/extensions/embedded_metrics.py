"""Log lines in the embedded metric format become metrics, whoever wrote them.

MiniStack stores them as text. CloudWatch reads metrics out of every log event that has the `_aws` member:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from laptop_cloud.ministack_seams import Seam, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laptop_cloud.ministack_seams import Function

_log = logging.getLogger(__name__)


class _Metric(BaseModel):
    name: str = Field(alias="Name")
    unit: str = Field(default="None", alias="Unit")


class _Directive(BaseModel):
    namespace: str = Field(alias="Namespace")
    dimensions: tuple[tuple[str, ...], ...] = Field(alias="Dimensions")
    metrics: tuple[_Metric, ...] = Field(alias="Metrics")


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")

    timestamp_ms: int = Field(alias="Timestamp")
    directives: tuple[_Directive, ...] = Field(alias="CloudWatchMetrics")


class Datum(BaseModel):
    """Values of one series at one moment."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str
    unit: str
    dimensions: dict[str, str]
    timestamp_s: float
    values: tuple[float, ...]


def install() -> None:
    """Close the gap."""
    wrap(Seam.APPEND_LOG_EVENTS, _with_metrics)


def _with_metrics(append: Function) -> Function:
    def append_and_extract(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            for datum in data_in(event["message"]):
                _store(datum)

    return append_and_extract


def data_in(message: str) -> Iterator[Datum]:
    """The metrics of a log event; none when it is not in the format.

    A line that claims the format but breaks its rules yields nothing and is noted in the laptop cloud's own log.
    """
    if not message.startswith("{") or '"_aws"' not in message:
        return
    try:
        line = json.loads(message)
        metadata = _Metadata.model_validate(line["_aws"])
        yield from _data(line, metadata)
    except (ValueError, TypeError, KeyError, ValidationError) as fault:
        _log.warning("a log line in the embedded metric format could not be read: %s", fault)


def _data(line: dict[str, Any], metadata: _Metadata) -> Iterator[Datum]:
    for directive in metadata.directives:
        for names in directive.dimensions or ((),):
            dimensions = {name: str(line[name]) for name in names}
            for metric in directive.metrics:
                value = line[metric.name]
                yield Datum(
                    namespace=directive.namespace,
                    name=metric.name,
                    unit=metric.unit,
                    dimensions=dimensions,
                    timestamp_s=metadata.timestamp_ms / 1000,
                    values=tuple(value) if isinstance(value, list) else (value,),
                )


def _store(datum: Datum) -> None:
    reach(Seam.STORE_DATUM)(
        datum.namespace,
        datum.name,
        datum.dimensions,
        datum.timestamp_s,
        datum.unit,
        None,
        list(datum.values),
        None,
        None,
    )
