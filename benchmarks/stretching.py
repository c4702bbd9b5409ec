"""Intervals on real trips, months after training: as they were trained, and as outcomes stretch them by the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy import find_months, fit_past, read_trips
from noriba.monitoring.stretching import stretch_intervals
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from noriba.records.stretching import Stretching
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.models import Answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from noriba.features import Column
    from noriba.training.models import Predictor
    from noriba.usecase import UseCase

MONTHS = (
    (("2020-03", "2020-04", "2020-05"), ("2020-06", "2020-07", "2020-08", "2020-09")),
    (("2021-01", "2021-02", "2021-03"), ("2021-04", "2021-05", "2021-06", "2021-07")),
    (("2023-01", "2023-02", "2023-03"), ("2023-04", "2023-05", "2023-06", "2023-07")),
    (("2023-07", "2023-08", "2023-09"), ("2023-10", "2023-11", "2023-12")),
)
"""What is learned from, and the months after it: the city in lockdown and after it, and in years like others."""
_HOUR_S = 3600


def run(folder: Path | None) -> None:
    """Print what each month's intervals held."""
    files = find_months(folder, (month for run in MONTHS for some in run for month in some))
    if files is None:
        print("  skipped: --trips FOLDER must hold the green_tripdata files of MONTHS in benchmarks/stretching.py")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    for learned, judged in MONTHS:
        past = read_trips(use_case, [files[month] for month in learned])
        print(f"  learned from {learned[0]} to {learned[-1]}, {len(past[use_case.data.label])} trips")
        _replay(use_case, fit_past(use_case, settings, past), {month: files[month] for month in judged})


def _replay(use_case: UseCase, predictor: Predictor, months: Mapping[str, Path]) -> None:
    state: Stretching | None = None
    hours: list[HourMeasurement] = []
    for month, file in months.items():
        trips = read_trips(use_case, [file])
        outcome, at_s = trips[use_case.data.label], trips[use_case.data.event_time]
        # Answers of an hour are told with what was known when it began.
        number = (at_s // _HOUR_S).astype(int)
        answers = predictor.predict_features(trips)
        plain = (answers.low <= outcome) & (outcome <= answers.high)
        held, factors = np.zeros(len(outcome), dtype=bool), []
        state = state or Stretching(version=1, bundle_digest="", through=_read_hour(number[0] - 1))
        for hour in range(number[0], number[-1] + 1):
            first, last = np.searchsorted(number, [hour, hour + 1])
            state = stretch_intervals(state, hours[-48:], use_case.policies.monitoring, now=_read_hour(hour))
            told = _pick(answers, first, last).stretch(state.stretch.factor)
            held[first:last] = (told.low <= outcome[first:last]) & (outcome[first:last] <= told.high)
            factors.append(state.stretch.factor)
            hours.append(_measure(_read_hour(hour), held[first:last], predictor.model.claimed_coverage))
        days = _by_day(held, number)
        print(
            f"    {month}  {len(outcome):6d} trips  held as trained {plain.mean():.3f}, stretched {held.mean():.3f} "
            f"(days: {np.quantile(days, 0.1):.3f} to {np.quantile(days, 0.9):.3f})  "
            f"factor {min(factors):.3f} to {max(factors):.3f}"
        )


def _measure(hour: datetime, held: np.ndarray, claimed: float) -> HourMeasurement:
    outcomes = len(held)
    tally = AnswerTally(answered=outcomes, with_outcome=outcomes, covered=int(held.sum()), claimed=claimed * outcomes)
    return HourMeasurement(hour=hour, versions={1: {EVERYTHING: tally}})


def _pick(answers: Answers, first: int, last: int) -> Answers:
    rows: Iterable[Column] = (one[first:last] for one in (answers.low, answers.value, answers.high))
    return Answers(*rows)


def _by_day(held: np.ndarray, number: np.ndarray) -> np.ndarray:
    day = number // 24
    return np.array([held[day == one].mean() for one in np.unique(day)])


def _read_hour(number: int) -> datetime:
    return datetime.fromtimestamp(int(number) * _HOUR_S, UTC)
