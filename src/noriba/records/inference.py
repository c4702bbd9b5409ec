"""What the predict function and the model container say to each other.

Columns travel under their identity, `name@hash`, so that a model can pick its own and refuse when one is missing; JSON
writes floats so that they read back bit for bit, and has null for an unknown value. The app's names of candidates,
the slices that rows belong to and the subject's group travel beside the columns: a model does not read them, but what
is captured of a request can then be joined to outcomes, and compared slice by slice and group by group.

So do the input columns that features were computed from, for features of another definition will want to be computed
from them. What is captured is kept, so little of it is written twice: an input that is the same in every row is one
value, and one that is a feature as it stands is that feature's identity.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from noriba.features import Column, as_column
from noriba.features.columns import row_count
from noriba.records.explanations import Doubt, Explanation
from noriba.records.wanted import NOTHING_MORE, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENT_TYPE = "application/json"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors
_LONGEST = 1500
EXTRAS: dict[str, TypeAdapter[Any]] = {
    "explanations": TypeAdapter(tuple[Explanation, ...]),
    "doubts": TypeAdapter(tuple[tuple[Doubt, ...], ...]),
}
"""What an answer holds only where it was asked for."""


@dataclass(frozen=True)
class Invocation:
    """What a model is asked.

    Attributes:
        columns: by identity, of shape (n,) each.
        wanted: besides the answer.
    """

    columns: dict[str, Column]
    wanted: Wanted = NOTHING_MORE


@dataclass(frozen=True)
class ModelAnswer:
    """A model's answer: calibrated quantiles in the label's unit, one per row; low ≤ value ≤ high.

    Attributes:
        low: the interval's lower ends.
        value: the medians.
        high: the interval's upper ends.
        claimed_coverage: the share of outcomes that the interval promises to hold.
        bundle_digest: of the model.
        explanations: one per row where they were asked for, and the container is none of before there were any.
        doubts: per row, where they were asked for and any row has one.
    """

    low: tuple[float, ...]
    value: tuple[float, ...]
    high: tuple[float, ...]
    claimed_coverage: float
    bundle_digest: str
    explanations: tuple[Explanation, ...] = ()
    doubts: tuple[tuple[Doubt, ...], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a model does not answer, and the fingerprint of the features that it reads where those are the reason."""

    error: str
    feature_fingerprint: str | None


def encode_columns(
    columns: Mapping[str, Column],
    *,
    inputs: Mapping[str, Column] | None = None,
    candidate_ids: Sequence[str | None] = (),
    slices: Mapping[str, Sequence[str]] | None = None,
    group: int | None = None,
    wanted: Wanted = NOTHING_MORE,
) -> bytes:
    """The body of an invocation.

    Args:
        columns: of shape (n,) each.
        inputs: what they were computed from, by the use case's own names; of shape (n,) each.
        candidate_ids: the app's name of each row, where it gave any.
        slices: what divides the traffic → the part that each row belongs to.
        group: of the request's subject, where it was given to a variant by it.
        wanted: what the model shall say besides its answer; a container of before there was any reads none of it.
    """
    document: dict[str, object] = {"columns": {name: _to_json(values) for name, values in columns.items()}}
    if inputs:
        document["inputs"] = _write_inputs(inputs, columns)
    if any(candidate_id is not None for candidate_id in candidate_ids):
        document["candidate_ids"] = list(candidate_ids)
    if slices:
        document["slices"] = {name: list(labels) for name, labels in slices.items()}
    if group is not None:
        document["group"] = group
    document.update(wanted.to_json())
    return json.dumps(document).encode()


def decode_invocation(body: bytes) -> Invocation:
    """What a model is asked.

    Raises:
        ValueError: not JSON, no `columns`, not numbers, without rows, or of different lengths; or something is wanted
            in words that nobody here knows.
    """
    # Whole numbers too are read as float: a column holds nothing else, however long a number is.
    document = load_json(body, parse_int=float)
    if not isinstance(document, dict) or not isinstance(document.get("columns"), dict) or not document["columns"]:
        raise ValueError('the body must be {"columns": {"name@hash": [numbers], …}}')
    columns = {name: _to_column(name, values) for name, values in document["columns"].items()}
    if row_count(columns) == 0:
        raise ValueError("columns must hold at least one row")
    return Invocation(columns, Wanted.read(document))


def read_inputs(document: Mapping[str, Any], rows: int) -> dict[str, Sequence[float | None]]:
    """The input columns in an invocation's document, each written out; none where it was sent without them.

    Raises:
        KeyError: an input is said to be a column that is not there.
    """
    return {name: _read_input(said, document["columns"], rows) for name, said in document.get("inputs", {}).items()}


def _write_inputs(inputs: Mapping[str, Column], columns: Mapping[str, Column]) -> dict[str, object]:
    """Each input in the shortest way that reads back bit for bit: one value, the name of an equal column, or a list."""
    written: dict[str, object] = {}
    names: dict[bytes, str] = {}
    for name, values in inputs.items():
        # By their bytes: zero and minus zero are equal, and not the same.
        content, first = values.tobytes(), values.item(0)
        if content == content[: values.itemsize] * len(values):
            written[name] = None if math.isnan(first) else first
        else:
            names = names or {column.tobytes(): identity for identity, column in columns.items()}
            written[name] = names.get(content) or _to_json(values)
    return written


def _read_input(
    said: str | float | list[float | None] | None, columns: Mapping[str, Sequence[float | None]], rows: int
) -> Sequence[float | None]:
    if isinstance(said, str):
        return columns[said]
    return said if isinstance(said, list) else [said] * rows


def encode_answer(answer: ModelAnswer) -> bytes:
    """The body of an answer; what was not asked for is not in it."""
    document: dict[str, object] = dict(vars(answer))
    for name, adapter in EXTRAS.items():
        extra = document.pop(name)
        if extra:
            document[name] = adapter.dump_python(extra)
    return json.dumps(document).encode()


def decode_answer(body: bytes) -> ModelAnswer:
    """The answer in a body that a model container wrote.

    Raises:
        ValueError: it is none. How many rows it answers, and how sensibly, is not looked at.
    """
    document = load_json(body)
    needed = ModelAnswer.__annotations__.keys() - EXTRAS.keys()
    if not isinstance(document, dict) or document.keys() - EXTRAS.keys() != needed:
        raise ValueError(f"not an object of {', '.join(ModelAnswer.__annotations__)}")
    for name in ("low", "value", "high"):
        if type(document[name]) is not list:
            raise ValueError(f"{name} is not a list of numbers")
        document[name] = tuple(read_number(name, number) for number in document[name])
    document["claimed_coverage"] = read_number("claimed_coverage", document["claimed_coverage"])
    for name in EXTRAS.keys() & document.keys():
        # A ValidationError is a ValueError.
        document[name] = EXTRAS[name].validate_python(document[name])
    return ModelAnswer(**document)


def load_json(text: bytes, **options: Any) -> Any:
    """What a body of JSON says.

    Raises:
        ValueError: it is none, or deeper than anything that is meant.
    """
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("the body is nested too deeply") from error


def read_number(name: str, number: object) -> float:
    """A number in JSON.

    Raises:
        ValueError: it is none, or none that a float can be; the message has the name.
    """
    # JSON knows whole numbers of any length, and booleans are no numbers.
    if type(number) not in {float, int}:
        raise ValueError(f"{name} holds something that is not a number")
    try:
        return float(number)  # type: ignore[arg-type]  # one of the two
    except OverflowError as error:
        raise ValueError(f"{name} holds a number that no float can be") from error


def encode_refusal(refusal: Refusal) -> bytes:
    """The body of a refusal. What it says first is short: SageMaker hands on no more than 2,048 characters of it."""
    return json.dumps({"feature_fingerprint": refusal.feature_fingerprint, "error": refusal.error[:_LONGEST]}).encode()


def decode_refusal(text: str) -> Refusal:
    """What a model container refused; text that none of ours wrote is the reason as it stands."""
    try:
        document = json.loads(text)
        return Refusal(str(document["error"]), document.get("feature_fingerprint"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refusal(text, None)


def _to_column(name: str, values: object) -> Column:
    # Never left to NumPy: it would take "12" for a number and [[1], [2]] for two.
    if not isinstance(values, list) or not set(map(type, values)) <= {float, NoneType}:
        raise ValueError(f"column {name} must be a list of numbers or null")
    return as_column(values)


def _to_json(values: Column) -> list[float | None]:
    unknown = np.isnan(values)
    return [None if nan else value for value, nan in zip(values.tolist(), unknown.tolist(), strict=True)]
