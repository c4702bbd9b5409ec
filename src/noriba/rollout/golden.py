"""Golden requests: what a model must answer before it may serve.

Two kinds. The use case's own requests go through the whole path, and the answers must make sense. Rows recorded in
training go through features and endpoint, and the answers must be those of training: a difference means that serving
computes something else than training did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.features import Column
    from noriba.records.artifacts import GoldenRecord
    from noriba.records.inference import ModelAnswer

RELATIVE_TOLERANCE = 1e-6
"""Another processor may differ in the last bits, never in the sixth digit."""


def check_plausible(answer: ModelAnswer, *, rows: int) -> Iterator[str]:
    """What no answer may be, whatever was asked; nothing when all is well."""
    low, value, high = (np.array(numbers) for numbers in (answer.low, answer.value, answer.high))
    if not len(low) == len(value) == len(high) == rows:
        yield f"{rows} rows were sent, {len(value)} answers came back"
        return
    if not (np.isfinite(low).all() and np.isfinite(value).all() and np.isfinite(high).all()):
        yield "an answer is not a finite number"
    elif not ((low <= value) & (value <= high)).all():
        yield "a median lies outside its interval"
    elif not (low > 0).all():
        yield "an answer is not positive"
    else:
        yield from _check_extras(answer, value)


def _check_extras(answer: ModelAnswer, value: Column) -> Iterator[str]:
    """What was said besides, where it was: of each row, and of its own answer."""
    for name, said in (("explanations", answer.explanations), ("doubts", answer.doubts)):
        if said and len(said) != len(value):
            yield f"{len(said)} {name} came back for {len(value)} rows"
            return
    totals = np.array([explanation.total for explanation in answer.explanations])
    # Not `>`: what is no number compares false with everything.
    if len(totals) and not (np.abs(totals - value) <= RELATIVE_TOLERANCE * value).all():
        yield "an explanation does not add up to its answer"


def find_differences(answer: ModelAnswer, record: GoldenRecord) -> Iterator[str]:
    """Where serving answers otherwise than training did; nothing when all is well."""
    for name, expected in record.answers.items():
        found = np.array(getattr(answer, name))
        if found.shape != np.shape(expected):
            yield f"{name}: {found.size} answers for {len(expected)} recorded rows"
            continue
        distance = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-9)
        worst = int(np.argmax(distance))
        # Not `>`: an answer that is no number is no answer, and compares false with everything.
        if not distance[worst] <= RELATIVE_TOLERANCE:
            yield f"{name} of recorded row {worst}: {found[worst]:.6g} served, {expected[worst]:.6g} in training"
