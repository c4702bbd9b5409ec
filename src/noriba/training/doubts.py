"""When a model doubts its own answer: it is asked about what it has never seen, or it is unusually unsure.

Trees go on answering beyond what they learned from, as if it were the nearest thing that they know, and the interval
that was calibrated on rows like those of training promises nothing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.records.explanations import Doubt
from noriba.training.encoders import UNSEEN
from noriba.training.experience import list_keys, measure_widths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.features import Column, Columns
    from noriba.records.experience import Experience
    from noriba.training.models import Answers, Model
    from noriba.usecase import HumilityPolicy

    Finding = tuple[np.ndarray, str, str, Column | None, float | None]

MOST_DOUBTS = 3
"""Of one row: one strange place makes many features strange."""


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
    seen = {
        key: values
        for spec, index in zip(encoders.specs, encoders.indexes, strict=True)
        for key, values in zip(spec.keys, index.values, strict=True)
    }
    for key in sorted(list_keys(model)):
        unknown = np.isnan(columns[key])
        yield ~unknown & ~np.isin(columns[key], seen[key]), "unseen", key, columns[key], None
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
    bound = float(np.interp(policy.wider_than, np.linspace(0.0, 1.0, len(experience.widths)), experience.widths))
    if policy.max_relative_width is not None:
        bound = min(bound, policy.max_relative_width)
    yield widths > bound, "wide", "", widths, bound
