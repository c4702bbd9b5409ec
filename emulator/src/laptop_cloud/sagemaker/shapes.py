"""Requests and answers as SageMaker's own service model, which botocore carries, defines them."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.utils import parse_to_aware_datetime
from botocore.validate import ParamValidator

from laptop_cloud.sagemaker.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Stamp = Callable[[datetime], Any]
    """How an answer spells a moment."""


@cache
def service_model() -> ServiceModel:
    """SageMaker's service model."""
    return botocore.session.get_session().get_service_model("sagemaker")


def validate(operation: str, params: Any) -> None:
    """Refuse a request that SageMaker would refuse on its form.

    Structure, types and required members are checked by botocore's own validator; enumerations, patterns and limits,
    which SageMaker checks and botocore leaves to it, are checked here.

    Raises:
        ValidationError: what is wrong, with the path of the member.
    """
    shape = service_model().operation_model(operation).input_shape
    if shape is None:
        return
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise ValidationError(report.generate_report())
    violations = list(_violations(shape, params, ""))
    if violations:
        plural = "s" if len(violations) > 1 else ""
        raise ValidationError(f"{len(violations)} validation error{plural} detected: {'; '.join(violations)}")


_SHOWN = 200
"""Characters of a wrong value that an error message repeats."""
_SHOWN_CHOICES = 10
"""Right values that it names; SageMaker has hundreds of instance types."""


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                yield from _violations(member, value[name], f"{path}.{name}" if path else name)
    elif isinstance(shape, ListShape):
        for position, item in enumerate(value, start=1):
            yield from _violations(shape.member, item, f"{path}.{position}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _violations(shape.value, item, f"{path}.{key}")
    if constraint := _broken_constraint(shape, value):
        yield f"Value '{str(value)[:_SHOWN]}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _broken_constraint(shape: Shape, value: Any) -> str | None:
    rules = shape.metadata
    if (allowed := rules.get("enum")) and value not in allowed:
        return f"satisfy enum value set: [{_brief(value, allowed)}]"
    if (pattern := rules.get("pattern")) and not _matches(pattern, value):
        return f"satisfy regular expression pattern: {pattern}"
    maximum = rules.get("max")
    if maximum is None:
        return None
    if isinstance(value, int | float):
        return f"have value less than or equal to {maximum}" if value > maximum else None
    return f"have length less than or equal to {maximum}" if len(value) > maximum else None


def _brief(value: str, allowed: list[str]) -> str:
    if len(allowed) <= _SHOWN_CHOICES:
        return ", ".join(allowed)
    return ", ".join([*difflib.get_close_matches(value, allowed, _SHOWN_CHOICES), "…"])


def _matches(pattern: str, text: str) -> bool:
    expression = _compile(pattern)
    return expression is None or expression.fullmatch(text) is not None


@cache
def _compile(pattern: str) -> re.Pattern[str] | None:
    # The model's patterns are Java's. The few that Python cannot read (Unicode classes) are left unchecked.
    try:
        return re.compile(pattern)
    except re.error:
        return None


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: text.lower() == "true",
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}


def coerce(shape: Shape, value: Any) -> Any:
    """A value whose numbers and booleans may be spelled as text, as CloudFormation sends them, in the model's types."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {k: coerce(shape.members[k], v) if k in shape.members else v for k, v in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [coerce(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {k: coerce(shape.value, v) for k, v in value.items()}
    convert = _FROM_TEXT.get(shape.type_name) if isinstance(value, str) else None
    return convert(value) if convert else value


def epoch_seconds(moment: datetime) -> float:
    """A moment as the JSON protocol spells it."""
    return moment.timestamp()


def epoch_millis(moment: datetime) -> int:
    """A moment as SageMaker's events and Step Functions' optimized integrations spell it."""
    return int(moment.timestamp() * 1000)


def iso_instant(moment: datetime) -> str:
    """A moment as Step Functions' AWS SDK integrations spell it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_moment(value: Any) -> datetime:
    """A moment with a zone, from anything a client or a record holds; without a zone it is UTC."""
    moment = parse_to_aware_datetime(value) if not isinstance(value, datetime) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def render_answer(operation: str, answer: dict[str, Any], stamp: Stamp = epoch_seconds) -> dict[str, Any]:
    """An operation's answer with the members that its output shape has, and moments spelled by `stamp`."""
    shape = service_model().operation_model(operation).output_shape
    return render(shape, answer, stamp) if shape is not None else {}


def render(shape: Shape, value: Any, stamp: Stamp = epoch_seconds) -> Any:
    """A value cut to a shape: unknown members and those without a value are dropped."""
    if isinstance(shape, StructureShape):
        return {k: render(shape.members[k], v, stamp) for k, v in value.items() if k in shape.members and v is not None}
    if isinstance(shape, ListShape):
        return [render(shape.member, item, stamp) for item in value]
    if isinstance(shape, MapShape):
        return {key: render(shape.value, item, stamp) for key, item in value.items()}
    return stamp(as_moment(value)) if shape.type_name == "timestamp" else value
