"""Quantile regression by LightGBM: one booster a quantile, on the logarithm of the label.

A quantile keeps its meaning under any growing transformation, so the exponential of the predicted log-quantile is the
quantile of the label; the logarithm makes a minute's error weigh alike on short and long rides when trees are grown.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import lightgbm

from noriba.training.boosters import QuantileBoosters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from noriba.features import Column
    from noriba.training.hyperparameters import Hyperparameters

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

# The saved text ends with the training parameters, the number of threads among them; the model is the trees above.
_PARAMETERS = re.compile(r"\nparameters:.*?end of parameters\n", re.DOTALL)


def fit_quantiles(
    matrix: Matrix,
    log_label: Column,
    *,
    names: Sequence[str],
    settings: Hyperparameters,
    weights: Column | None = None,
    rows: Sequence[int] | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> QuantileBoosters:
    """Grow the trees; the same rows, weights and settings give the same bytes, whatever the number of threads.

    The quantiles grow side by side, and only threads beyond that work within one: for a node of a tree is soon too
    small to be shared, and then threads mostly wait for each other.

    Args:
        matrix: what the trees read, shape (n, columns).
        log_label: shape (n,).
        names: of the columns.
        settings: quantiles, trees, threads.
        weights: how much each row counts, shape (n,); None when all count alike.
        rows: how many of the first rows each quantile learns from, in the quantiles' order; None for all of them.
        report: told of progress, a line at a time.
    """
    parameters = {
        "objective": "quantile",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_leaf_rows,
        "seed": settings.seed,
        "num_threads": max(1, settings.threads // len(settings.quantiles)),
        # https://lightgbm.readthedocs.io/en/stable/Parameters.html#deterministic
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }

    first = rows if rows is not None else [len(matrix)] * len(settings.quantiles)

    def grow(quantile: float, rows: int) -> str:
        weight = None if weights is None else weights[:rows]
        dataset = lightgbm.Dataset(matrix[:rows], log_label[:rows], weight=weight, feature_name=list(names))
        booster = lightgbm.train({**parameters, "alpha": quantile}, dataset, num_boost_round=settings.trees)
        return _PARAMETERS.sub("\n", booster.model_to_string())

    texts = []
    with ThreadPoolExecutor(1 if settings.threads == 1 else len(settings.quantiles)) as pool:
        grown = pool.map(grow, settings.quantiles, first)
        for quantile, learned, text in zip(settings.quantiles, first, grown, strict=True):
            texts.append(text)
            report(f"quantile {quantile:g}: {settings.trees} trees on {learned} rows")
    return QuantileBoosters(settings.quantiles, tuple(texts))
