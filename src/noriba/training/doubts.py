"""When a model doubts its own answer: it is asked about what it has never seen, or it is unusually unsure.

Trees go on answering beyond what they learned from, as if it were the nearest thing that they know, and the interval
that was calibrated on rows like those of training promises nothing there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from noriba.records.explanations import Doubt
from noriba.training.encoders import UNSEEN
from noriba.training.experience import measure_widths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.features import Column, Columns
    from noriba.records.experience import Experience
    from noriba.training.models import Answers, Model
    from noriba.usecase import HumilityPolicy

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
    Finding = tuple[np.ndarray, str, str, Column | None, float | None]

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
            (self._names.index(name), frozenset(values.tolist())) for name, values in _collect_seen(model).items()
        )
        seen = [experience.columns.get(name) for name in self._names]
        self._always_known = np.array([one is not None and one.unknown == 0 for one in seen])
        # A column that training never knew, and one whose numbers are names, has no range.
        ranges = [
            (-np.inf, np.inf) if one is None or one.low is None or one.high is None else (one.low, one.high)
            for one in seen
        ]
        self._low, self._high = np.array(ranges, dtype=np.float64).reshape(-1, 2).T
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
        # Most requests give no reason, and are not looked at once more for each kind of reasons.
        if not self._may_doubt(matrix[:, : len(self._names)], answers, policy):
            return ()
        return find_doubts(self._model, self._experience, columns, answers, policy)

    def _may_doubt(self, features: Matrix, answers: Answers, policy: HumilityPolicy) -> bool:
        low, high, widest = self._bounds(policy)
        strange = (features < low) | (features > high) | (np.isnan(features) & self._always_known)
        if policy.unseen_groups or strange.any() or (measure_widths(answers) > widest).any():
            return True
        return any(
            value not in seen and not math.isnan(value)
            for place, seen in self._keys
            for value in features[:, place].tolist()
        )

    def _find_bounds(self, policy: HumilityPolicy) -> tuple[np.ndarray, np.ndarray, float]:
        """How low and how high each feature may be, and how wide an interval."""
        # What is infinite has no slack; infinity times nought would be no number.
        slack = np.where(np.isfinite(self._low), policy.beyond_range * (self._high - self._low), 0.0)
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
