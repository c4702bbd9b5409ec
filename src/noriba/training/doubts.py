"""When a model doubts its own answer: it is asked about what it has never seen, or it is unusually unsure.

Trees go on answering beyond what they learned from, as if it were the nearest thing that they know, and the interval
that was calibrated on rows like those of training promises nothing there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from noriba.records.explanations import Doubt
from noriba.training.encoders import UNSEEN
from noriba.training.experience import measure_widths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noriba.features import Column, Columns
    from noriba.records.experience import Experience
    from noriba.training.models import Answers, Model
    from noriba.usecase import HumilityPolicy

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
    Finding = tuple[np.ndarray, str, str, Column | None, float | None]

_FEW_ROWS = 16
"""Measured: more rows with reasons are quicker looked at column by column."""
MOST_DOUBTS = 3
"""Of one row: one strange place makes many features strange."""


class Humility:
    """What one model saw in training, ready to be compared with what it is asked.

    Args:
        model: who answers.
        experience: what its training saw.
    """

    def __init__(self, model: Model, experience: Experience) -> None:
        self._model, self._experience = model, experience
        self._names = tuple(identity.partition("@")[0] for identity in model.feature_identities)
        self._keys = tuple(
            (self._names.index(name), frozenset(values.tolist()))
            for name, values in sorted(_collect_seen(model).items())
        )
        seen = [experience.columns.get(name) for name in self._names]
        self._always_known = np.array([one is not None and one.unknown == 0 for one in seen])
        # A column that training never knew, and one whose numbers are names, has no range.
        ranges = [
            (-np.inf, np.inf) if one is None or one.low is None or one.high is None else (one.low, one.high)
            for one in seen
        ]
        self._low, self._high = np.array(ranges, dtype=np.float64).reshape(-1, 2).T
        self._order = tuple(self._names.index(name) for name in experience.columns)
        self._bounds = lru_cache(maxsize=4)(self._find_bounds)

    def find_doubts(
        self, columns: Columns, matrix: Matrix, answers: Answers, policy: HumilityPolicy
    ) -> tuple[tuple[Doubt, ...], ...]:
        """Why each row's answer may not be relied on; nothing at all when no row has a reason.

        Args:
            columns: features under their plain names, of shape (n,).
            matrix: the same side by side in the model's order, and what else its trees read; shape (n, columns).
            answers: to these rows.
            policy: how much is too much.
        """
        if policy.unseen_groups:
            return find_doubts(self._model, self._experience, columns, answers, policy)
        features = matrix[:, : len(self._names)]
        strange, widths = self._find_strange(features, answers, policy), measure_widths(answers)
        rows = np.flatnonzero(strange)
        # Most requests give no reason, and those that do are mostly one row, or have few such rows.
        if not len(rows):
            return ()
        if len(rows) > _FEW_ROWS:
            return find_doubts(self._model, self._experience, columns, answers, policy)
        found: list[tuple[Doubt, ...]] = [()] * len(features)
        for row in rows.tolist():
            doubts = self._doubt_row(features[row].tolist(), widths.item(row), policy)
            found[row] = tuple(islice(doubts, MOST_DOUBTS))
        return tuple(found)

    def _find_strange(self, features: Matrix, answers: Answers, policy: HumilityPolicy) -> np.ndarray:
        """Which rows give a reason, shape (n,)."""
        low, high, widest = self._bounds(policy)
        strange = (features < low) | (features > high) | (np.isnan(features) & self._always_known)
        rows: np.ndarray = strange.any(axis=1) | (measure_widths(answers) > widest)
        for place, seen in self._keys:
            rows |= [value not in seen and not math.isnan(value) for value in features[:, place].tolist()]
        return rows

    def _doubt_row(self, row: Sequence[float], width: float, policy: HumilityPolicy) -> Iterator[Doubt]:
        """The reasons that one row gives, in the order of `_find`."""
        low, high, widest = self._bounds(policy)
        for place, seen in self._keys:
            if row[place] not in seen and not math.isnan(row[place]):
                yield Doubt(kind="unseen", column=self._names[place], value=row[place], bound=None)
        for place in self._order:
            if self._always_known[place] and math.isnan(row[place]):
                yield Doubt(kind="unknown", column=self._names[place], value=None, bound=None)
        for place in self._order:
            if row[place] < low[place]:
                yield Doubt(kind="below", column=self._names[place], value=row[place], bound=self._low.item(place))
            if row[place] > high[place]:
                yield Doubt(kind="above", column=self._names[place], value=row[place], bound=self._high.item(place))
        if width > widest:
            yield Doubt(kind="wide", column="", value=width, bound=widest)

    def _find_bounds(self, policy: HumilityPolicy) -> tuple[np.ndarray, np.ndarray, float]:
        """How low and how high each feature may be, and how wide an interval."""
        # What is infinite has no slack; infinity times nought would be no number.
        slack = policy.beyond_range * np.where(np.isfinite(self._low), self._high - self._low, 0.0)
        return self._low - slack, self._high + slack, _bound_width(self._experience, policy)


def find_doubts(
    model: Model, experience: Experience, columns: Columns, answers: Answers, policy: HumilityPolicy
) -> tuple[tuple[Doubt, ...], ...]:
    """Why each row's answer may not be relied on; nothing at all when no row has a reason.

    Args:
        model: who answers.
        experience: what its training saw.
        columns: features under their plain names, of shape (n,).
        answers: to these rows.
        policy: how much is too much.
    """
    found: list[list[Doubt]] = [[] for _ in answers.value]
    for rows, kind, column, values, bound in _find(model, experience, columns, answers, policy):
        for row in np.flatnonzero(rows):
            if len(found[row]) < MOST_DOUBTS:
                value = None if values is None else float(values[row])
                found[row].append(Doubt(kind=kind, column=column, value=value, bound=bound))
    return tuple(map(tuple, found)) if any(found) else ()


def _find(
    model: Model, experience: Experience, columns: Columns, answers: Answers, policy: HumilityPolicy
) -> Iterator[Finding]:
    """Rows with a reason, and which: the gravest first."""
    yield from _find_unseen(model, columns, groups=policy.unseen_groups)
    yield from _find_unknown(experience, columns)
    yield from _find_outside(experience, columns, policy.beyond_range)
    yield from _find_wide(experience, measure_widths(answers), policy)


def _find_unseen(model: Model, columns: Columns, *, groups: bool) -> Iterator[Finding]:
    encoders = model.encoders
    for key, seen in sorted(_collect_seen(model).items()):
        unknown = np.isnan(columns[key])
        yield ~unknown & ~np.isin(columns[key], seen), "unseen", key, columns[key], None
    if groups:
        for spec, index in zip(encoders.specs, encoders.indexes, strict=True):
            # One that has a parent falls back to it by design.
            if spec.parent is None:
                keys = [columns[key] for key in spec.keys]
                yield index.number(keys) == UNSEEN, "unseen_group", spec.name, None, None


def _find_unknown(experience: Experience, columns: Columns) -> Iterator[Finding]:
    for name, seen in experience.columns.items():
        if seen.unknown == 0:
            yield np.isnan(columns[name]), "unknown", name, None, None


def _find_outside(experience: Experience, columns: Columns, beyond: float) -> Iterator[Finding]:
    for name, seen in experience.columns.items():
        # A column that training never knew is one that no tree reads.
        if seen.low is not None and seen.high is not None:
            slack, values = beyond * (seen.high - seen.low), columns[name]
            yield values < seen.low - slack, "below", name, values, seen.low
            yield values > seen.high + slack, "above", name, values, seen.high


def _find_wide(experience: Experience, widths: Column, policy: HumilityPolicy) -> Iterator[Finding]:
    bound = _bound_width(experience, policy)
    yield widths > bound, "wide", "", widths, bound


def _bound_width(experience: Experience, policy: HumilityPolicy) -> float:
    bound = float(np.interp(policy.wider_than, np.linspace(0.0, 1.0, len(experience.widths)), experience.widths))
    return bound if policy.max_relative_width is None else min(bound, policy.max_relative_width)


def _collect_seen(model: Model) -> dict[str, Column]:
    """The values of each feature that is a key of encoders."""
    encoders = model.encoders
    return {
        key: values
        for spec, index in zip(encoders.specs, encoders.indexes, strict=True)
        for key, values in zip(spec.keys, index.values, strict=True)
    }
