"""What no answer of a model may be, whatever was asked: an app is never told it, and it counts against the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.records.inference import ModelAnswer

RELATIVE_TOLERANCE = 1e-6
"""Another processor may differ in the last bits, never in the sixth digit."""


def find_answer_fault(answer: ModelAnswer, *, rows: int) -> str | None:
    """What is wrong with an answer to so many rows, in words; None when all is well."""
    low, value, high = (np.array(numbers) for numbers in (answer.low, answer.value, answer.high))
    if not len(low) == len(value) == len(high) == rows:
        return f"{rows} rows were sent, {len(value)} answers came back"
    if not (np.isfinite(low).all() and np.isfinite(value).all() and np.isfinite(high).all()):
        return "an answer is not a finite number"
    if not ((low <= value) & (value <= high)).all():
        return "a median lies outside its interval"
    if not (low > 0).all():
        return "an answer is not positive"
    return _find_extra_fault(answer, value)


def _find_extra_fault(answer: ModelAnswer, value: Column) -> str | None:
    """The same of what was said besides, where it was: of each row, and of its own answer."""
    for name, said in (("explanations", answer.explanations), ("doubts", answer.doubts)):
        if said and len(said) != len(value):
            return f"{len(said)} {name} came back for {len(value)} rows"
    totals = np.array([explanation.total for explanation in answer.explanations])
    # Not `>`: what is no number compares false with everything.
    if len(totals) and not (np.abs(totals - value) <= RELATIVE_TOLERANCE * value).all():
        return "an explanation does not add up to its answer"
    return None
