"""What fitting is, of a whole model or of a small one on trial: encoders, then trees over features and encodings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import stack_columns, take_rows
from noriba.training.encoders import fit_encoders
from noriba.training.quantiles import fit_quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from noriba.features import Column, Columns
    from noriba.training.boosters import QuantileBoosters
    from noriba.training.encoders import FittedEncoders
    from noriba.training.hyperparameters import Hyperparameters
    from noriba.training.windows import Sample
    from noriba.usecase import UseCase


def learn(
    use_case: UseCase,
    settings: Hyperparameters,
    columns: Columns,
    sample: Sample,
    *,
    later: slice | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> tuple[FittedEncoders, QuantileBoosters]:
    """Fit encoders and trees on a sample of rows ordered by time.

    Args:
        use_case: what is learned.
        settings: how.
        columns: features and label, ordered by time, shape (n,) each; no row outside `sample` and `later` is looked at.
        sample: the rows to learn from.
        later: rows after them that the median alone learns from, too, each as much as the sample's latest.
        report: told of progress, a line at a time.
    """
    names, rows = use_case.features.names, sample.rows
    label = columns[use_case.data.label]
    learned = _take(columns, names, rows)
    encoders, encoded = fit_encoders(
        use_case.model.encoders, use_case.model.pace, learned, label[rows], weights=sample.weights
    )
    report(
        f"encoders: {', '.join(f'{n} {len(v)} groups' for n, v in zip(encoders.names, encoders.values, strict=True))}"
    )
    wanted = [*names, *encoded]
    matrix, outcome, weights = stack_columns({**learned, **encoded}, wanted), label[rows], sample.weights
    learned_from = None
    if later is not None:
        # Encoded as in production, from the sample alone: an encoding never holds a label of its own time.
        others = _take(columns, names, later)
        low, _median, high = settings.quantiles
        learned_from = [len(matrix) + (0 if q in {low, high} else len(label[later])) for q in settings.quantiles]
        matrix = np.concatenate([matrix, stack_columns({**others, **encoders.encode(others)}, wanted)])
        outcome = np.concatenate([outcome, label[later]])
        weights = weights if weights is None else np.concatenate([weights, np.ones(len(label[later]))])
    boosters = fit_quantiles(
        matrix, np.log(outcome), names=wanted, settings=settings, weights=weights, rows=learned_from, report=report
    )
    return encoders, boosters


def _take(columns: Columns, names: Sequence[str], rows: slice) -> dict[str, Column]:
    return take_rows({name: columns[name] for name in names}, np.arange(rows.start, rows.stop))
