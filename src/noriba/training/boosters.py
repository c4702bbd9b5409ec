"""Trees that predict quantiles: as a bundle keeps them, and in memory.

Two ways lead to the same numbers, bit for bit: LightGBM's library, which is ready at once and knows Shapley values,
and the trees compiled for this processor (`forest`), which takes seconds to get ready and a fifth of the time to
answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noriba.training.lightgbm_library import LoadedTrees

if TYPE_CHECKING:
    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

_FEW_ROWS = 1_000
"""Measured: below it, waking threads costs more than they do."""


class Forest(Protocol):
    """The trees of all quantiles in some faster form."""

    def predict(self, matrix: Matrix) -> Matrix:
        """Predicted quantiles of log(label), shape (n, quantiles)."""
        ...


@dataclass(frozen=True)
class QuantileBoosters:
    """Trees for each quantile, in the quantiles' order, as LightGBM's own text."""

    quantiles: tuple[float, ...]
    texts: tuple[str, ...]

    def load(self) -> LoadedBoosters:
        """The boosters, ready to predict."""
        return LoadedBoosters(tuple(map(LoadedTrees, self.texts)))


class LoadedBoosters:
    """Boosters in memory.

    Args:
        boosters: one a quantile.
    """

    def __init__(self, boosters: tuple[LoadedTrees, ...]) -> None:
        self._boosters = boosters
        self._forest: Forest | None = None

    def answer_by(self, forest: Forest) -> None:
        """Predict by the same trees in a faster form from now on."""
        self._forest = forest

    def predict(self, matrix: Matrix) -> Matrix:
        """Predicted quantiles of log(label), shape (n, quantiles), not yet sorted nor calibrated."""
        if self._forest is not None:
            return self._forest.predict(matrix)
        # One thread: a request is small, and the server answers several at a time.
        threads = 1 if len(matrix) <= _FEW_ROWS else 0
        return np.column_stack([booster.predict(matrix, threads=threads) for booster in self._boosters])

    def attribute(self, matrix: Matrix, place: int) -> Matrix:
        """What each column adds to one quantile of log(label), and last, what it is when nothing is known.

        Shapley values over the trees (TreeSHAP): where a column is not known, a tree is followed both ways, by the
        rows of training that went there. Lundberg et al., "From local explanations to global understanding with
        explainable AI for trees", Nature Machine Intelligence 2, 2020. Some ten milliseconds a row.

        Returns:
            Shape (n, columns + 1); the sum of a row is what `predict` gives.
        """
        return self._boosters[place].attribute(matrix)
