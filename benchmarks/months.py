"""Accuracy on other months than July 2023, by models that end where each month begins: where settings were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.accuracy import (
    find_months,
    fit_plain,
    judge,
    list_request_features,
    predict_plain,
    print_metrics,
    read_trips,
)
from noriba.training.evaluation import measure
from noriba.training.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    from pathlib import Path

MONTHS = (
    (("2020-08", "2020-09", "2020-10", "2020-11", "2020-12", "2021-01"), "2021-02"),
    (("2021-01", "2021-02", "2021-03", "2021-04", "2021-05", "2021-06"), "2021-07"),
    (("2023-01", "2023-02", "2023-03", "2023-04"), "2023-05"),
    (("2023-03", "2023-04", "2023-05", "2023-06", "2023-07", "2023-08"), "2023-09"),
    (("2023-06", "2023-07", "2023-08", "2023-09", "2023-10", "2023-11"), "2023-12"),
)
"""Learned from, and judged."""


def run(folder: Path | None) -> None:
    """Print, for each month, the errors of plain LightGBM and of the model, and its interval."""
    files = find_months(folder, {month for learned, judged in MONTHS for month in (*learned, judged)})
    if files is None:
        print("  skipped: --trips FOLDER must hold the green_tripdata files of MONTHS in benchmarks/months.py")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    names = list_request_features(use_case)
    for learned, judged in MONTHS:
        past = read_trips(use_case, [files[month] for month in learned])
        future = read_trips(use_case, [files[judged]], told=True)
        booster = fit_plain(settings, past, names, use_case.data.label)
        plain = measure(predict_plain(booster, future, names), future[use_case.data.label])
        found = judge(use_case, settings, past, future)
        print(f"  {learned[0]} to {learned[-1]}, judged on {judged}, {found.rows} trips")
        print_metrics("plain LightGBM L1", plain)
        print_metrics("noriba", found)
