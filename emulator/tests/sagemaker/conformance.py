"""Holds raw answers of the laptop's SageMaker against the service model that botocore carries.

boto3 itself is lenient: it leaves out what it does not know, and misses nothing that is not there. So answers are
looked at before it has parsed them.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    # The JSON protocol spells a moment in seconds since 1970.
    "timestamp": (int, float),
}
_LEFT_OUT = {
    # A version of a group has no name of its own, whatever the model says:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html
    "DescribeModelPackage": {"ModelPackageName"},
    # There are none before the job has uploaded them.
    "DescribeTrainingJob": {"ModelArtifacts"},
}
"""Members that the model calls required, and SageMaker leaves out."""
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


class Conformance:
    """Looks at every answer that a client gets; one that does not fit the model fails the call."""

    def __init__(self) -> None:
        self.answered: set[str] = set()
        """Operations that gave a fitting answer."""

    def attach(self, client: Any) -> None:
        """Look at all answers of a boto3 client from now on."""
        client.meta.events.register("before-parse.sagemaker", self._look)

    def _look(self, operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
        name = operation_model.name
        body = json.loads(response_dict["body"] or b"{}")
        if response_dict["status_code"] >= HTTPStatus.MULTIPLE_CHOICES:
            assert body.keys() == {"__type", "message"}, f"{name}: {body}"
            return
        if operation_model.output_shape is None:
            assert body == {}, f"{name} answers nothing, not {body}"
        else:
            faults = list(find_faults(operation_model.output_shape, body, name))
            assert not faults, "; ".join(faults)
        self.answered.add(name)


def find_faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What of a value does not fit a shape.

    Args:
        shape: of the service model.
        value: as JSON has it.
        path: of the value, for the messages.
    """
    if not _is_of_type(shape.type_name, value):
        yield f"{path}: {value!r} is no {shape.type_name}"
        return
    yield from _broken_rules(shape, value, path)
    if isinstance(shape, StructureShape):
        yield from (
            f"{path}: {name} is missing"
            for name in shape.required_members
            if name not in value and name not in _LEFT_OUT.get(path, ())
        )
        yield from (f"{path}: {name} is unknown" for name in value.keys() - shape.members.keys())
        for name in value.keys() & shape.members.keys():
            yield from find_faults(shape.members[name], value[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for position, item in enumerate(value):
            yield from find_faults(shape.member, item, f"{path}[{position}]")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from find_faults(shape.key, key, f"{path} key")
            yield from find_faults(shape.value, item, f"{path}.{key}")


def _is_of_type(type_name: str, value: Any) -> bool:
    # In Python, and not in JSON, true is a number.
    return isinstance(value, _TYPES[type_name]) and (type_name == "boolean" or not isinstance(value, bool))


def _broken_rules(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    if shape.type_name == "timestamp":
        if not _EARLIEST < value < _LATEST:
            yield f"{path}: {value!r} is no moment in seconds"
        return
    if "enum" in rules and value not in rules["enum"]:
        yield f"{path}: {value!r} is not one of {rules['enum']}"
    # Classes of Unicode, which Python does not know, are the only patterns left out.
    pattern = rules.get("pattern", "")
    if pattern and r"\p{" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
    size = value if isinstance(value, int | float) else len(value)
    if not rules.get("min", size) <= size <= rules.get("max", size):
        yield f"{path}: {value!r} is not within {rules.get('min')} and {rules.get('max')}"
