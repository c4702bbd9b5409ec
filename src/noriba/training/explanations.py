"""What an answer is made of: the median, column by column, in the label's unit.

The trees add up to the logarithm of the label, so a column's share multiplies the answer. An app wants shares that add
up: each gets the part of the difference between the answer and the base that it has in the difference between their
logarithms,

    amount = share · (value − base) / (ln value − ln base),

the additive form of the logarithmic mean Divisia index (Ang, "Decomposition analysis for policymaking in energy",
Energy Policy 32, 2004). Nothing is left over, and the order in which columns are taken changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.records.explanations import Contribution, Explanation

if TYPE_CHECKING:
    from noriba.features import Columns
    from noriba.training.models import Predictor

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

MOST_CONTRIBUTIONS = 5
"""As many as a person weighs against each other."""
_MIDDLE = 1


def explain(predictor: Predictor, columns: Columns, *, most: int = MOST_CONTRIBUTIONS) -> tuple[Explanation, ...]:
    """Explain the median of each row.

    Args:
        predictor: the model.
        columns: features under their plain names, of shape (n,).
        most: how many contributions are told apart; the rest is summed.
    """
    matrix, names = predictor.tabulate(columns)
    shares = _attribute_medians(predictor, matrix)
    base, amounts = to_amounts(shares[:, :-1], shares[:, -1])
    values, encoders = matrix.copy(), slice(len(predictor.model.feature_identities), None)
    # What an encoder adds is a logarithm too.
    values[:, encoders] = np.exp(matrix[:, encoders])
    return tuple(_explain_row(names, values[row], amounts[row], float(base[row]), most) for row in range(len(matrix)))


def to_amounts(shares: Matrix, base: np.ndarray) -> tuple[np.ndarray, Matrix]:
    """Shares in a logarithm as amounts of the number itself.

    Args:
        shares: shape (n, columns).
        base: the logarithm that they begin from, shape (n,).

    Returns:
        The number that they begin from, shape (n,), and the amounts that lead from it to the answer.
    """
    start, difference = np.exp(base), shares.sum(axis=1)
    # The limit where the answer is the base. Not by a quotient of their difference, which would lose its digits there.
    moves = difference != 0.0
    mean = start * np.where(moves, np.expm1(difference) / np.where(moves, difference, 1.0), 1.0)
    return start, shares * mean[:, None]


def _attribute_medians(predictor: Predictor, matrix: Matrix) -> Matrix:
    """Shares in the logarithm of each row's median, whichever booster it came from; last, the base."""
    order = np.argsort(predictor.boosters.predict(matrix), axis=1, kind="stable")[:, _MIDDLE]
    shares = np.empty((len(matrix), matrix.shape[1] + 1))
    for place in np.unique(order):
        rows = order == place
        shares[rows] = predictor.boosters.attribute(matrix[rows], int(place))
    return shares


def _explain_row(
    names: tuple[str, ...], values: np.ndarray, amounts: np.ndarray, base: float, most: int
) -> Explanation:
    largest = np.argsort(-np.abs(amounts), kind="stable")
    told, others = largest[:most], largest[most:]
    return Explanation(
        base=base,
        contributions=tuple(
            Contribution(
                column=names[place],
                value=float(values[place]) if np.isfinite(values[place]) else None,
                amount=float(amounts[place]),
            )
            for place in told
        ),
        rest=float(amounts[others].sum()),
    )
