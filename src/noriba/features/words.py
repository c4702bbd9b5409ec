"""Words as columns: each stands for a number, the same one for a request and for a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.errors import FeatureDefinitionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features.columns import Column


@dataclass(frozen=True)
class Vocabulary:
    """The words that a column may hold; a word's number is its place.

    Words are added at the end, and none is ever removed or moved: models know them by number.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words or len(set(self.words)) != len(self.words):
            raise FeatureDefinitionError(f"a vocabulary needs words, each once; got {self.words!r}")

    def number(self, words: Sequence[str | None]) -> Column:
        """The words' numbers; NaN for None and for a word that is not among them."""
        places = {word: float(place) for place, word in enumerate(self.words)}
        return np.array([np.nan if word is None else places.get(word, np.nan) for word in words], dtype=np.float64)
