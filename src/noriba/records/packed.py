"""The same conversation as `inference`, packed: names and wishes as JSON, numbers as they lie in memory.

A body is a table that describes itself:

    8 bytes    NORIBA, the form's version, a line feed
    4 bytes    rows            4 bytes   length of the layout
    4 bytes    length of what travels beside        4 bytes   nought
    layout     JSON: which columns follow and what is wanted; the same bytes from request to request, so that whoever
               reads them often reads them once
    beside     JSON, or nothing: what no model reads (names of candidates, slices, group), or, of an answer, words
    numbers    float64, little-endian, column after column

Layout and what is beside end with spaces up to a multiple of eight bytes. Input columns that are the same in every row
are one number each, after the columns; one that equals a feature is that feature's name. Whatever does not add up to
the last byte is refused.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.records.inference import (
    EXTRAS,
    Invocation,
    ModelAnswer,
    decode_answer,
    decode_invocation,
    load_json,
    read_number,
)
from noriba.records.wanted import NOTHING_MORE, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from noriba.features import Column

    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]

PACKED_TYPE = "application/vnd.noriba.table"
_MAGIC = b"NORIBA\x01\n"
_HEAD = struct.Struct("<8sIIII")
_NUMBER = np.dtype("<f8")
_LAYOUTS = 64
"""Remembered by a reader; a champion, a challenger, and batches whose inputs are the same in every row or not."""


@dataclass(frozen=True)
class Layout:
    """Which numbers an invocation holds, in this order, and what is wanted.

    Attributes:
        columns: identities of features, a column each.
        input_columns: names of inputs, a column each.
        input_constants: names of inputs, a number each.
        input_equals: input → the identity of the feature that it equals.
        wanted: besides the answer.
    """

    columns: tuple[str, ...]
    input_columns: tuple[str, ...] = ()
    input_constants: tuple[str, ...] = ()
    input_equals: tuple[tuple[str, str], ...] = ()
    wanted: Wanted = NOTHING_MORE


@dataclass(frozen=True)
class Table:
    """An invocation, unpacked.

    Attributes:
        layout: what its numbers are.
        columns: of features, in the layout's order; shape (columns, rows).
        input_columns: likewise, of inputs.
        input_constants: a number each.
        beside: what no model reads, as it was sent.
    """

    layout: Layout
    columns: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    input_columns: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    input_constants: Numbers
    beside: bytes = field(repr=False)

    @property
    def rows(self) -> int:
        """How many there are; one at least."""
        return int(self.columns.shape[1])


def is_packed(body: bytes) -> bool:
    """Whether a body is in this form, of whatever version."""
    return body.startswith(_MAGIC[:6])


def pack_columns(
    columns: Mapping[str, Column],
    *,
    inputs: Mapping[str, Column] | None = None,
    candidate_ids: Sequence[str | None] = (),
    slices: Mapping[str, Sequence[str]] | None = None,
    group: int | None = None,
    wanted: Wanted = NOTHING_MORE,
) -> bytes:
    """The body of an invocation; arguments as for `encode_columns`."""
    given = inputs or {}
    rows = len(next(iter(columns.values())))
    apart, constants, equal = _sort_inputs(given, columns) if rows > 1 else ((), tuple(given), ())
    layout = _write_layout(tuple(columns), apart, constants, equal, wanted)
    beside: dict[str, object] = {}
    if any(candidate_id is not None for candidate_id in candidate_ids):
        beside["candidate_ids"] = list(candidate_ids)
    if slices:
        beside["slices"] = slices
    if group is not None:
        beside["group"] = group
    numbers = [*columns.values(), *(given[name] for name in apart), *(given[name][:1] for name in constants)]
    return _pack(rows, layout, _pad(json.dumps(beside).encode()) if beside else b"", numbers)


def unpack_table(body: bytes) -> Table:
    """What a model is asked.

    Raises:
        ValueError: the body is truncated, too long, of another version, or does not describe a table; or
            something is wanted in words that nobody here knows.
    """
    rows, said, beside, start = _open(body)
    layout = _read_layout(said)
    width, apart = len(layout.columns), len(layout.input_columns)
    count = (width + apart) * rows + len(layout.input_constants)
    numbers = _read_numbers(body, start, count)
    table = numbers[: (width + apart) * rows].reshape(width + apart, rows)
    return Table(layout, table[:width], table[width:], numbers[(width + apart) * rows :], beside)


def read_invocation(body: bytes) -> Invocation:
    """What a model is asked, in either form.

    Raises:
        ValueError: see `unpack_table` and `decode_invocation`.
    """
    if not is_packed(body):
        return decode_invocation(body)
    table = unpack_table(body)
    return Invocation(dict(zip(table.layout.columns, table.columns, strict=True)), table.layout.wanted)


def to_document(body: bytes) -> dict[str, Any]:
    """An invocation as `encode_columns` would have written it, for whoever reads what was captured.

    Raises:
        ValueError: see `unpack_table`; or what is beside is no JSON.
    """
    table = unpack_table(body)
    layout = table.layout
    document: Any = load_json(table.beside) if table.beside else {}
    if not isinstance(document, dict):
        raise ValueError("what travels beside the table is no object")  # noqa: TRY004  # the body's fault, told like the others
    document["columns"] = dict(zip(layout.columns, map(_to_json, table.columns), strict=True))
    inputs: dict[str, object] = dict(zip(layout.input_columns, map(_to_json, table.input_columns), strict=True))
    inputs |= zip(layout.input_constants, _to_json(table.input_constants), strict=True)
    inputs |= layout.input_equals
    if inputs:
        document["inputs"] = inputs
    document.update(layout.wanted.to_json())
    return document


def pack_answer(answer: ModelAnswer) -> bytes:
    """The body of an answer; what was not asked for is not in it."""
    said = {name: adapter.dump_python(extra) for name, adapter in EXTRAS.items() if (extra := getattr(answer, name))}
    layout = _write_promise(answer.claimed_coverage, answer.bundle_digest)
    columns = np.array([answer.low, answer.value, answer.high], dtype=_NUMBER)
    return _pack(len(answer.value), layout, _pad(json.dumps(said).encode()) if said else b"", columns)


def read_answer(body: bytes) -> ModelAnswer:
    """The answer in a body that a model's server wrote, in either form.

    Raises:
        ValueError: it is none. How many rows it answers, and how sensibly, is not looked at.
    """
    if not is_packed(body):
        return decode_answer(body)
    rows, promise, beside, start = _open(body)
    claimed_coverage, bundle_digest = _read_promise(promise)
    low, value, high = _read_numbers(body, start, 3 * rows).reshape(3, rows).tolist()
    extras: Any = load_json(beside) if beside else {}
    if not isinstance(extras, dict) or extras.keys() - EXTRAS.keys():
        raise ValueError(f"what travels beside the answer is not an object of {', '.join(EXTRAS)}")
    said = {name: EXTRAS[name].validate_python(extra) for name, extra in extras.items()}
    return ModelAnswer(tuple(low), tuple(value), tuple(high), claimed_coverage, bundle_digest, **said)


def _pack(rows: int, layout: bytes, beside: bytes, numbers: Iterable[np.ndarray]) -> bytes:
    head = _HEAD.pack(_MAGIC, rows, len(layout), len(beside), 0)
    return b"".join([head, layout, beside, *[column.tobytes() for column in numbers]])


def _open(body: bytes) -> tuple[int, bytes, bytes, int]:
    """Rows, layout and what is beside, and where the numbers begin."""
    if len(body) < _HEAD.size or not body.startswith(_MAGIC):
        raise ValueError("the body is no table of this version: it must begin with NORIBA, 1, a line feed")
    _magic, rows, layout, beside, nought = _HEAD.unpack_from(body)
    start = _HEAD.size + layout + beside
    if nought or start > len(body):
        raise ValueError("the body is truncated: it is shorter than its head says")
    if not rows:
        raise ValueError("columns must hold at least one row")
    return rows, body[_HEAD.size : _HEAD.size + layout], body[_HEAD.size + layout : start], start


def _read_numbers(body: bytes, start: int, count: int) -> Numbers:
    # Before any memory is asked for.
    if len(body) - start != count * _NUMBER.itemsize:
        raise ValueError(f"the body holds {len(body) - start} bytes of numbers; {count} numbers are announced")
    return np.frombuffer(body, _NUMBER, count, start)


def _pad(text: bytes) -> bytes:
    return text + b" " * (-len(text) % 8)


def _sort_inputs(
    inputs: Mapping[str, Column], columns: Mapping[str, Column]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Those with a column of their own, those that are the same in every row, and those that equal a feature."""
    names = {column.tobytes(): identity for identity, column in columns.items()}
    apart, constants, equal = [], [], []
    for name, values in inputs.items():
        # By their bytes: zero and minus zero are equal, and not the same.
        content = values.tobytes()
        if content == content[: values.itemsize] * len(values):
            constants.append(name)
        elif (identity := names.get(content)) is not None:
            equal.append((name, identity))
        else:
            apart.append(name)
    return tuple(apart), tuple(constants), tuple(equal)


@lru_cache(_LAYOUTS)
def _write_layout(
    columns: tuple[str, ...],
    apart: tuple[str, ...],
    constants: tuple[str, ...],
    equal: tuple[tuple[str, str], ...],
    wanted: Wanted,
) -> bytes:
    document: dict[str, object] = {"columns": columns}
    if apart:
        document["input_columns"] = apart
    if constants:
        document["input_constants"] = constants
    if equal:
        document["input_equals"] = dict(equal)
    return _pad(json.dumps(document | wanted.to_json()).encode())


@lru_cache(_LAYOUTS)
def _read_layout(text: bytes) -> Layout:
    document = load_json(text)
    if not isinstance(document, dict):
        raise ValueError("the layout must be an object")  # noqa: TRY004  # the body's fault, told like the others
    columns = _read_names(document, "columns")
    if not columns:
        raise ValueError("the layout names no columns")
    equal = document.get("input_equals", {})
    if not isinstance(equal, dict) or not set(equal.values()) <= set(columns):
        raise ValueError("input_equals must name columns of the table")
    apart, constants = _read_names(document, "input_columns"), _read_names(document, "input_constants")
    return Layout(columns, apart, constants, tuple(equal.items()), Wanted.read(document))


def _read_names(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    names = document.get(name, [])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names) or len(set(names)) != len(names):
        raise ValueError(f"{name} must be a list of names, each once")
    return tuple(names)


@lru_cache(_LAYOUTS)
def _write_promise(claimed_coverage: float, bundle_digest: str) -> bytes:
    return _pad(json.dumps({"claimed_coverage": claimed_coverage, "bundle_digest": bundle_digest}).encode())


@lru_cache(_LAYOUTS)
def _read_promise(text: bytes) -> tuple[float, str]:
    document = load_json(text)
    if not isinstance(document, dict) or document.keys() != {"claimed_coverage", "bundle_digest"}:
        raise ValueError("not an object of claimed_coverage and bundle_digest")
    return read_number("claimed_coverage", document["claimed_coverage"]), document["bundle_digest"]


def _to_json(values: Column) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
