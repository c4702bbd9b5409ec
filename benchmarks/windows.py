"""What a model should learn from, on real months: each week trained anew from a share of the rides, as the loop does.

The first declared window alone, the first two, and so on; among several, a trial chooses each time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy import find_months, read_trips
from noriba.features.columns import take_rows
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.splits import split_by_policy
from noriba.training.trials import choose_window, measure_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.usecase import UseCase

STRETCHES = (
    (tuple(f"2020-{month:02d}" for month in range(3, 13)), datetime(2020, 3, 21, tzinfo=UTC)),
    (tuple(f"2023-{month:02d}" for month in range(1, 13)), datetime(2023, 7, 1, tzinfo=UTC)),
)
"""Months, and the first week to judge: the city in lockdown and after it, and in a year like others."""
PER_DAY = 300
_DAY_S, _WEEK = 86_400.0, timedelta(days=7)
_SEED = 1


def run(folder: Path | None) -> None:
    """Print the mean absolute error by month, and how often each window was chosen."""
    files = find_months(folder, (month for months, _first in STRETCHES for month in months))
    if files is None:
        print("  skipped: --trips FOLDER must hold the green_tripdata files of STRETCHES in benchmarks/windows.py")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    windows = settings.windows
    choices = [settings.model_copy(update={"windows": windows[: number + 1]}) for number in range(len(windows))]
    for months, first in STRETCHES:
        rides = _draw(use_case, read_trips(use_case, [files[month] for month in months]))
        _walk(use_case, choices, rides, first)


def _walk(use_case: UseCase, choices: list[Hyperparameters], rides: Columns, first: datetime) -> None:
    errors: defaultdict[str, list[list[Column]]] = defaultdict(lambda: [[] for _ in choices])
    chosen: list[Counter[str]] = [Counter() for _ in choices]
    median = choices[0].model_copy(update={"quantiles": (choices[0].quantiles[1],)})
    for week, begin, end in _part_by_week(rides[use_case.data.event_time], first):
        past = take_rows(rides, np.arange(begin))
        split = split_by_policy(past[use_case.data.event_time], median)
        known: dict[int, Column] = {}
        for place, settings in enumerate(choices):
            choice = choose_window(use_case, settings, past, split)
            chosen[place][choice.evidence.window] += 1
            learned_from = choice.sample.rows.start
            if learned_from not in known:
                known[learned_from] = measure_errors(use_case, median, rides, choice.sample, slice(begin, end))
            errors[f"{week:%Y-%m}"][place].append(known[learned_from])
    names = [" + ".join(window.name for window in settings.windows) for settings in choices]
    for month, found in errors.items():
        print(f"  {month}  " + ", ".join(f"{np.concatenate(one).mean():6.1f}" for one in found))
    for name, counts in zip(names, chosen, strict=True):
        print(f"  of {name}: {', '.join(f'{window} {times} times' for window, times in counts.most_common())}")


def _part_by_week(at_s: Column, first: datetime) -> Iterator[tuple[datetime, int, int]]:
    """Each whole week, and the rows at which it begins and ends."""
    while (next_week := first + _WEEK).timestamp() <= at_s[-1]:
        begin, end = np.searchsorted(at_s, [first.timestamp(), next_week.timestamp()])
        yield first, int(begin), int(end)
        first = next_week


def _draw(use_case: UseCase, trips: Columns) -> Columns:
    """An even share of each day's rides, ordered by time."""
    rng = np.random.default_rng(_SEED)
    day = np.floor(trips[use_case.data.event_time] / _DAY_S)
    places = [np.flatnonzero(day == one) for one in np.unique(day)]
    kept = [rng.choice(some, min(PER_DAY, len(some)), replace=False) for some in places]
    return take_rows(trips, np.sort(np.concatenate(kept)))
