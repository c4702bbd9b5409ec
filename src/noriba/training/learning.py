"""What fitting is, of a whole model or of a small one on trial: encoders, then trees over features and encodings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import stack_columns, take_rows
from noriba.training.encoders import fit_encoders
from noriba.training.quantiles import fit_quantiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.features import Columns
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
    report: Callable[[str], None] = lambda _line: None,
) -> tuple[FittedEncoders, QuantileBoosters]:
    """Fit encoders and trees on a sample of rows ordered by time; no other row is looked at."""
    names, rows = use_case.features.names, sample.rows
    label = columns[use_case.data.label][rows]
    learned = take_rows({name: columns[name] for name in names}, np.arange(rows.start, rows.stop))
    encoders, encoded = fit_encoders(
        use_case.model.encoders, use_case.model.pace, learned, label, weights=sample.weights
    )
    report(
        f"encoders: {', '.join(f'{n} {len(v)} groups' for n, v in zip(encoders.names, encoders.values, strict=True))}"
    )
    boosters = fit_quantiles(
        stack_columns({**learned, **encoded}, [*names, *encoded]),
        np.log(label),
        names=[*names, *encoded],
        settings=settings,
        weights=sample.weights,
        report=report,
    )
    return encoders, boosters
