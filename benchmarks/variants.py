"""What was tried on the median, each beside the same rows' own: features, losses, rows, encoders, trees.

Of two months that are not July 2023, with fewer trees that learn faster: differences count, levels do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import lightgbm
import numpy as np

from benchmarks.accuracy import find_months, read_trips
from noriba.features import as_column
from noriba.features.columns import stack_columns, take_rows
from noriba.training.encoders import BLOCKS, fit_encoders
from noriba.training.evaluation import measure
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.training.quantiles import Matrix
    from noriba.usecase import UseCase

MONTHS = (
    (("2023-01", "2023-02", "2023-03", "2023-04"), "2023-05"),
    (("2023-06", "2023-07", "2023-08", "2023-09", "2023-10", "2023-11"), "2023-12"),
)
"""Learned from, and judged."""
TREES, RATE, LEAVES, LEAF_ROWS = 150, 0.1, 127, 50
_DAY_S = 86_400.0
_FOLDS = 5


@dataclass(frozen=True)
class Variant:
    """One thing that is otherwise.

    Attributes:
        name: of what.
        columns: what trees read, of the rows learned from and of those judged.
        share: of the rows to learn from, the earliest.
        half_life_days: after which a row counts for half; None when all count alike.
        is_log: whether the logarithm is learned, or the label itself.
        parameters: LightGBM's, beside those of all variants.
    """

    name: str
    columns: tuple[Columns, Columns]
    share: float = 1.0
    half_life_days: float | None = None
    is_log: bool = True
    parameters: Mapping[str, object] = field(default_factory=dict)


def run(folder: Path | None) -> None:
    """Print MAE and RMSLE of each variant on each month."""
    files = find_months(folder, {month for learned, judged in MONTHS for month in (*learned, judged)})
    if files is None:
        print("  skipped: --trips FOLDER must hold the green_tripdata files of MONTHS in benchmarks/variants.py")
        return
    use_case = load_use_case("taxi_eta")
    for learned, judged in MONTHS:
        past, future = (
            read_trips(use_case, [files[month] for month in learned]),
            read_trips(use_case, [files[judged]], told=True),
        )
        print(f"  {learned[0]} to {learned[-1]}, judged on {judged}")
        for variant in list_variants(use_case, past, future):
            answers = predict(use_case, variant, past)
            found = measure(answers, future[use_case.data.label])
            print(f"    {variant.name:<44} MAE {found.mae:.2f} s  RMSLE {found.rmsle:.4f}")


def list_variants(use_case: UseCase, past: Columns, future: Columns) -> Iterator[Variant]:
    """The median as it is, without encoders, and then one change at a time."""
    names = use_case.features.names
    both = tuple({name: rows[name] for name in names} for rows in (past, future))
    plain = (both[0], both[1])
    yield Variant("as it is, without encoders", plain)
    yield Variant("from the first 90 % of the rows", plain, share=0.9)
    fewer = ({**plain[0]}, {**plain[1]})
    for rows in fewer:
        del rows["holiday"]
    yield Variant("without holidays", fewer)
    yield Variant("squared errors of log(label)", plain, parameters={"objective": "regression"})
    yield Variant("Fair's loss of log(label), 0.3", plain, parameters={"objective": "fair", "fair_c": 0.3})
    yield Variant("Huber's loss of log(label), 0.2", plain, parameters={"objective": "huber", "alpha": 0.2})
    yield Variant("absolute errors of the label", plain, is_log=False, parameters={"objective": "regression_l1"})
    yield Variant("half of the features a tree", plain, parameters={"feature_fraction": 0.5})
    yield Variant("200 rows a leaf", plain, parameters={"min_data_in_leaf": 200})
    for days in (45.0, 120.0):
        yield Variant(f"a row counts for half after {days:.0f} days", plain, half_life_days=days)
    angles = (15.0, 29.0, 45.0, 60.0, 75.0)
    past_turned, future_turned = (rows | {f"grid_{a}": _turn(rows, a) for a in angles} for rows in both)
    yield Variant("along street grids of five angles", (past_turned, future_turned))
    yield from _list_encoded(use_case, past, future, plain)


def _list_encoded(
    use_case: UseCase, past: Columns, future: Columns, plain: tuple[Columns, Columns]
) -> Iterator[Variant]:
    label = past[use_case.data.label]
    specs, pace = use_case.model.encoders, use_case.model.pace
    fitted, earlier = fit_encoders(specs, pace, past, label)
    asked = {**plain[1], **fitted.encode(future)}
    yield Variant("encoders, from the past only", ({**plain[0], **earlier}, asked))
    # Blocks of time are dealt to folds in turn, so that each fold has some of every season.
    fold = (np.arange(len(label)) * BLOCKS * _FOLDS // len(label)) % _FOLDS
    others = {name: np.empty(len(label)) for name in fitted.names}
    for number in range(_FOLDS):
        here = fold == number
        there = take_rows(past, ~here)
        encoders, _encoded = fit_encoders(specs, pace, there, there[use_case.data.label])
        for name, values in encoders.encode(take_rows(past, here)).items():
            others[name][here] = values
    yield Variant("encoders, from other blocks of time", ({**plain[0], **others}, asked))


def predict(use_case: UseCase, variant: Variant, past: Columns) -> Column:
    """The label of the judged rows, shape (judged,)."""
    learned, judged = variant.columns
    rows = round(len(past[use_case.data.label]) * variant.share)
    label, at_s = past[use_case.data.label][:rows], past[use_case.data.event_time][:rows]
    weights = None
    if variant.half_life_days is not None:
        weights = np.exp2((at_s - at_s[-1]) / _DAY_S / variant.half_life_days)
    parameters = {
        "objective": "quantile",
        "alpha": 0.5,
        "learning_rate": RATE,
        "num_leaves": LEAVES,
        "min_data_in_leaf": LEAF_ROWS,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
        **variant.parameters,
    }
    dataset = lightgbm.Dataset(_stack(learned)[:rows], np.log(label) if variant.is_log else label, weight=weights)
    answers = np.asarray(lightgbm.train(parameters, dataset, num_boost_round=TREES).predict(_stack(judged)))
    return as_column(np.exp(answers) if variant.is_log else np.maximum(answers, 0.0))


def _stack(columns: Columns) -> Matrix:
    return stack_columns(columns, list(columns))


def _turn(rows: Columns, degrees: float) -> Column:
    """Length along a street grid that is turned by so much from north."""
    angle = np.radians(degrees)
    along = rows["north_m"] * np.cos(angle) + rows["east_m"] * np.sin(angle)
    across = rows["east_m"] * np.cos(angle) - rows["north_m"] * np.sin(angle)
    return as_column(np.abs(along) + np.abs(across))
