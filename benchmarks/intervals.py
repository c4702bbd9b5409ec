"""Ways to make an 80 % interval of the same trees, on real months: what each covers, and how wide it is.

Each learns from the same rows, is set on the same later rows, and is judged on the month after those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from benchmarks.accuracy import find_months, read_trips
from benchmarks.months import MONTHS
from noriba.features.columns import stack_columns, take_rows
from noriba.training.calibration import calibrate_interval
from noriba.training.encoders import fit_encoders
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.quantiles import fit_quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.training.quantiles import Matrix
    from noriba.usecase import UseCase

Interval: TypeAlias = "tuple[Column, Column]"

_SHARE = 0.1
_LEAST_SPREAD = 0.02
"""In log(label): a spread that is predicted to be less would make an interval of nothing."""


def run(folder: Path | None) -> None:
    """Print coverage, what lies beyond each end, and the mean width, of each way and month."""
    files = find_months(folder, {month for learned, judged in MONTHS for month in (*learned, judged)})
    if files is None:
        print("  skipped: --trips FOLDER must hold the green_tripdata files of MONTHS in benchmarks/months.py")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    for learned, judged in MONTHS:
        past, future = (
            read_trips(use_case, [files[month] for month in learned]),
            read_trips(use_case, [files[judged]], told=True),
        )
        print(f"  {learned[0]} to {learned[-1]}, judged on {judged}")
        outcome = future[use_case.data.label]
        for name, (low, high) in _make_intervals(use_case, settings, past, future):
            low_s, high_s = np.exp(np.minimum(low, high)), np.exp(np.maximum(low, high))
            below, above = float(np.mean(outcome < low_s)), float(np.mean(outcome > high_s))
            print(
                f"    {name:<34} holds {1 - below - above:.3f}, {below:.3f} below and {above:.3f} above; "
                f"{np.mean(high_s - low_s):.0f} s wide, loss {_measure_loss(low_s, high_s, outcome):.2f} s"
            )


def _make_intervals(
    use_case: UseCase, settings: Hyperparameters, past: Columns, future: Columns
) -> Iterator[tuple[str, Interval]]:
    """Ends in log(label) for the rows of the future, way by way."""
    rows = len(past[use_case.data.label])
    cut = round(rows * (1 - settings.calibration_share))
    fit, later = take_rows(past, np.arange(cut)), take_rows(past, np.arange(cut, rows))
    encoders, encoded = fit_encoders(use_case.model.encoders, use_case.model.pace, fit, fit[use_case.data.label])
    names = [*use_case.features.names, *encoders.names]
    matrix = stack_columns({**fit, **encoded}, names)
    counted, asked = (stack_columns({**some, **encoders.encode(some)}, names) for some in (later, future))
    log_label, truth = np.log(fit[use_case.data.label]), np.log(later[use_case.data.label])

    boosters = fit_quantiles(matrix, log_label, names=names, settings=settings).load()
    (low, median, high), (asked_low, asked_median, asked_high) = (boosters.predict(m).T for m in (counted, asked))
    yield "quantiles as they were learned", (asked_low, asked_high)

    ends = calibrate_interval(low, high, truth, low_share=_SHARE, high_share=_SHARE)
    yield "CQR, each end by itself (ours)", ends.apply(asked_low, asked_high)

    # Romano, Patterson, Candès, NeurIPS 2019, eq. 6: one score, and both ends move alike.
    both = _conformal(np.maximum(low - truth, truth - high), 2 * _SHARE)
    yield "CQR, both ends alike", (asked_low - both, asked_high + both)

    # Sesia, Candès, "A comparison of some conformal quantile regression methods", Stat 9, 2020: CQR-r.
    width, asked_width = (np.maximum(h - lo, _LEAST_SPREAD) for lo, h in ((low, high), (asked_low, asked_high)))
    ends = calibrate_interval(low / width, high / width, truth / width, low_share=_SHARE, high_share=_SHARE)
    yield "CQR, by the width of each row", (asked_low - ends.low * asked_width, asked_high + ends.high * asked_width)

    ends = calibrate_interval(median, median, truth, low_share=_SHARE, high_share=_SHARE)
    yield "split conformal around the median", ends.apply(asked_median, asked_median)

    # Lei et al., "Distribution-free predictive inference for regression", JASA 113, 2018, section 5.2.
    spread, asked_spread = _learn_spread(matrix, log_label, names, settings, [counted, asked], boosters.predict(matrix))
    ends = calibrate_interval(median / spread, median / spread, truth / spread, low_share=_SHARE, high_share=_SHARE)
    yield (
        "locally weighted around the median",
        (
            asked_median - ends.low * asked_spread,
            asked_median + ends.high * asked_spread,
        ),
    )


def _learn_spread(
    matrix: Matrix,
    log_label: Column,
    names: list[str],
    settings: Hyperparameters,
    asked: list[Matrix],
    quantiles: Matrix,
) -> list[Column]:
    """The typical distance of log(label) from its median, of each row that is asked about."""
    residual = np.abs(log_label - quantiles[:, 1])
    median = settings.model_copy(update={"quantiles": (settings.quantiles[1],)})
    boosters = fit_quantiles(matrix, residual, names=names, settings=median).load()
    return [np.maximum(boosters.predict(rows)[:, 0], _LEAST_SPREAD) for rows in asked]


def _measure_loss(low: Column, high: Column, outcome: Column) -> float:
    """The pinball loss, the mean of both ends'."""
    ends = ((low, _SHARE), (high, 1.0 - _SHARE))
    losses = [np.maximum(share * (outcome - end), (share - 1.0) * (outcome - end)) for end, share in ends]
    return float(np.mean(losses))


def _conformal(scores: Column, share: float) -> float:
    rank = int(np.ceil((len(scores) + 1) * (1.0 - share)))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])
