"""Fitted encoders: what past rows of a group typically took, as a column.

A zone pair or an hour has too many values for a tree to split one by one; its typical pace says most of what there is
to say. Fitted in training without leakage: a training row is encoded from earlier rows only, as it will be in
production, for a model that sees its own answers in the encoding learns to trust it too much (Prokhorenkova et al.,
"CatBoost: unbiased boosting with categorical features", NeurIPS 2018, call the remedy ordered target statistics).

Groups are shrunk towards their parent: value = parent + Σ(t − parent) / (rows + prior_rows), where t is the logarithm
of the pace (Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and
prediction problems", SIGKDD Explorations, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from noriba.features import Column, Columns
    from noriba.usecase import EncoderSpec, PaceSpec

    Codes = np.ndarray[tuple[int], np.dtype[np.int64]]

BLOCKS = 16
"""Training rows are encoded block by block; later blocks see more of the past, as production does."""

UNSEEN = -1


def measure_log_pace(columns: Columns, label: Column, pace: PaceSpec | None) -> Column:
    """log(label / length), see `measure_log_length`."""
    return np.log(label) - measure_log_length(columns, pace)


def measure_log_length(columns: Columns, pace: PaceSpec | None) -> Column:
    """log(length + offset) of each row; 0 where all rows are of one length, and the pace is the label itself."""
    if pace is None:
        return np.zeros(len(next(iter(columns.values()))))
    return pace.measure_log_length(columns)


@dataclass(frozen=True)
class GroupIndex:
    """Numbers the groups that rows belong to.

    Attributes:
        values: for each key the distinct values, sorted.
        groups: distinct combinations, as mixed-radix numbers over the values' places; sorted.
    """

    values: tuple[Column, ...]
    groups: Codes

    @classmethod
    def of(cls, keys: Sequence[Column]) -> Self:
        """The groups that occur in these rows."""
        values = tuple(np.unique(key[~np.isnan(key)]) for key in keys)
        combined = _combine(values, keys)
        return cls(values, np.unique(combined[combined != UNSEEN]))

    def number(self, keys: Sequence[Column]) -> Codes:
        """The group's place of each row; -1 for a group that did not occur."""
        return _find(self.groups, _combine(self.values, keys))


def _combine(values: Sequence[Column], keys: Sequence[Column]) -> Codes:
    combined = np.zeros(len(keys[0]), np.int64)
    unseen = np.zeros(len(keys[0]), np.bool_)
    for distinct, key in zip(values, keys, strict=True):
        place = _find(distinct, key)
        unseen |= place == UNSEEN
        combined = combined * len(distinct) + place
    return np.where(unseen, UNSEEN, combined)


def _find(
    distinct: np.ndarray[tuple[int], np.dtype[np.float64 | np.int64]],
    wanted: np.ndarray[tuple[int], np.dtype[np.float64 | np.int64]],
) -> Codes:
    if not len(distinct):
        return np.full(len(wanted), UNSEEN, np.int64)
    place = np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)
    return np.where(distinct[place] == wanted, place, UNSEEN).astype(np.int64)


@dataclass(frozen=True)
class FittedEncoders:
    """All encoders of a model; stateless and ready to serve.

    Attributes:
        specs: as declared, parents first.
        pace: how the encoded value becomes comparable with the label.
        overall: mean log pace of all rows.
        indexes: the groups of each encoder.
        values: the encoded log pace of each group.
    """

    specs: tuple[EncoderSpec, ...]
    pace: PaceSpec | None
    overall: float
    indexes: tuple[GroupIndex, ...]
    values: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that `encode` makes."""
        return tuple(spec.name for spec in self.specs)

    def encode(self, columns: Columns) -> dict[str, Column]:
        """One column an encoder: the typical logarithm of the label for each row; unseen groups get their parent's."""
        log_length = measure_log_length(columns, self.pace)
        typical: dict[str, Column] = {}
        for spec, index, values in zip(self.specs, self.indexes, self.values, strict=True):
            group = index.number([columns[key] for key in spec.keys])
            fallback = typical[spec.parent] if spec.parent else np.full(len(log_length), self.overall)
            typical[spec.name] = np.where(group == UNSEEN, fallback, values[group]) if len(values) else fallback
        return {name: value + log_length for name, value in typical.items()}


def check_specs(specs: Sequence[EncoderSpec]) -> None:
    """Parents stand before children and have fewer keys, all of which the child has too.

    Raises:
        ValueError: otherwise; the message names the encoder.
    """
    keys: dict[str, set[str]] = {}
    for spec in specs:
        if spec.parent is not None and not keys.get(spec.parent, {""}) < set(spec.keys):
            raise ValueError(f"encoder {spec.name}: its parent {spec.parent} must stand before it and have fewer keys")
        keys[spec.name] = set(spec.keys)


class _RunningMeans:
    """Shrunk means of groups, over the rows seen so far."""

    def __init__(self, specs: Sequence[EncoderSpec], codes: Mapping[str, Codes]) -> None:
        self._specs = specs
        self._codes = codes
        # One place more than there are groups, and always zero: that is where -1, a row of no group, looks.
        sizes = {name: int(code.max(initial=UNSEEN)) + 2 for name, code in codes.items()}
        self._sums = {name: np.zeros(size) for name, size in sizes.items()}
        self._counts = {name: np.zeros(size) for name, size in sizes.items()}
        self._sum, self._count, self._latest = 0.0, 0.0, 1.0

    @property
    def overall(self) -> float:
        return self._sum / self._count if self._count else float("nan")

    def add(self, rows: slice, log_pace: Column, weights: Column) -> None:
        weight = weights[rows]
        weighed = weight * log_pace[rows]
        for name, codes in self._codes.items():
            known = codes[rows] != UNSEEN
            group, size = codes[rows][known], len(self._sums[name])
            self._sums[name] += np.bincount(group, weighed[known], minlength=size)
            self._counts[name] += np.bincount(group, weight[known], minlength=size)
        self._sum += float(weighed.sum())
        self._count += float(weight.sum())
        self._latest = float(weight[-1]) if len(weight) else self._latest

    def encode(self, rows: slice) -> Iterator[tuple[str, Column]]:
        """Each encoder's value for rows, from what has been added before."""
        typical: dict[str, Column] = {}
        for spec in self._specs:
            group = self._codes[spec.name][rows]
            parent = typical[spec.parent] if spec.parent else np.full(len(group), self.overall)
            sums, counts = self._sums[spec.name][group], self._counts[spec.name][group]
            # The prior is counted in rows as fresh as the latest one added, at whatever time that was.
            shrunk = parent + (sums - counts * parent) / (counts + spec.prior_rows * self._latest)
            typical[spec.name] = np.where(group == UNSEEN, parent, shrunk)
            yield spec.name, typical[spec.name]


def fit_encoders(
    specs: Sequence[EncoderSpec],
    pace: PaceSpec | None,
    columns: Columns,
    label: Column,
    *,
    weights: Column | None = None,
) -> tuple[FittedEncoders, dict[str, Column]]:
    """Fit encoders on rows ordered by time.

    Args:
        specs: parents before children.
        pace: how labels become comparable.
        columns: of the rows, shape (n,) each.
        label: of the rows, shape (n,).
        weights: how many rows as fresh as the latest each is worth, growing with time, shape (n,); None for one each.

    Returns:
        The encoders as they will serve, and the training rows encoded from earlier blocks only; the first block has no
        past and is NaN.
    """
    check_specs(specs)
    log_pace, log_length = measure_log_pace(columns, label, pace), measure_log_length(columns, pace)
    indexes = {spec.name: GroupIndex.of([columns[key] for key in spec.keys]) for spec in specs}
    codes = {spec.name: indexes[spec.name].number([columns[key] for key in spec.keys]) for spec in specs}
    running = _RunningMeans(specs, codes)
    encoded = {spec.name: np.empty(len(label)) for spec in specs}
    weights = np.ones(len(label)) if weights is None else weights
    edges = np.linspace(0, len(label), BLOCKS + 1).astype(int)
    for start, stop in pairwise(edges):
        block = slice(int(start), int(stop))
        for name, typical in running.encode(block):
            encoded[name][block] = typical + log_length[block]
        running.add(block, log_pace, weights)
    values = _value_groups(running, codes, indexes)
    fitted = FittedEncoders(tuple(specs), pace, running.overall, tuple(indexes[s.name] for s in specs), values)
    return fitted, encoded


def _value_groups(
    running: _RunningMeans, codes: Mapping[str, Codes], indexes: Mapping[str, GroupIndex]
) -> tuple[Column, ...]:
    """The final value of every group, taken from any one of its rows: it is the same for all of them."""
    everything = slice(None)
    values = []
    for name, typical in running.encode(everything):
        value = np.empty(len(indexes[name].groups))
        known = codes[name] != UNSEEN
        value[codes[name][known]] = typical[known]
        values.append(value)
    return tuple(values)
