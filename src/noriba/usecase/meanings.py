"""Features in words: what people are told of a prediction.

What is not declared is read from the name: `load_kg` is "load", in kg.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noriba.features.words import Vocabulary
    from noriba.usecase.declaration import UseCase

_UNITS = {
    "s": "s",
    "min": "min",
    "h": "h",
    "m": "m",
    "km": "km",
    "g": "g",
    "kg": "kg",
    "kwh": "kWh",
    "c": "°C",
    "degrees": "degrees",
}
"""Ends of names that are units."""
_MOST_WHOLE = 1e15
"""Whole numbers above it are measurements, and have no last digit to lose."""


@dataclass(frozen=True)
class Meaning:
    """A column for people.

    Attributes:
        phrase: what it is, as it stands in a sentence: `straight-line distance`.
        unit: of its numbers; empty for none.
        vocabulary: what its numbers stand for, where they stand for words.
    """

    phrase: str
    unit: str = ""
    vocabulary: Vocabulary | None = None

    def say(self, value: float | None) -> str:
        """A value in words."""
        if value is None:
            return "unknown"
        if self.vocabulary is not None and value in range(len(self.vocabulary.words)):
            return self.vocabulary.words[int(value)]
        # A number of something is told whole; otherwise six digits tell two places in a street apart.
        number = f"{value:.0f}" if value.is_integer() and abs(value) < _MOST_WHOLE else f"{value:.6g}"
        return f"{number} {self.unit}".rstrip()


def explain_column(use_case: UseCase, column: str) -> Meaning:
    """What a column is: a feature or an encoder, declared now or not."""
    if column in use_case.meanings:
        return use_case.meanings[column]
    for encoder in use_case.model.encoders:
        if encoder.name == column:
            *others, last = (explain_column(use_case, key).phrase for key in encoder.keys)
            keys = f"{', '.join(others)} and {last}" if others else last
            return Meaning(f"what is usual for {keys}", use_case.answer.unit)
    name, _, end = column.rpartition("_")
    if name and end in _UNITS:
        return Meaning(name.replace("_", " "), _UNITS[end])
    return Meaning(column.replace("_", " "))
