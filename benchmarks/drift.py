"""Drift on real trips: days between those of training, days of the months after, and the same with a mishap.

The peers are what people use: a population stability index over 0.2 in any column, and a Kolmogorov-Smirnov test of
each column with Bonferroni's correction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from benchmarks.accuracy import TRAINED, read_trips
from noriba.monitoring.drift import FEWEST_ROWS, measure_drift
from noriba.records.profiles import count_bins
from noriba.training.profiles import profile_columns
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from noriba.features import Column
    from noriba.records.profiles import Profile

ALPHA = 0.05
FOLKLORE = 0.2
_DAY_S = 86_400.0


def _lose(values: Column, every: int) -> Column:
    return np.where(np.arange(len(values)) % every == 0, np.nan, values)


# What happens to features: another unit, another clock, values that are lost.
_MISHAPS: dict[str, Callable[[dict[str, Column]], dict[str, Column]]] = {
    "distance in kilometres": lambda day: {**day, "haversine_m": day["haversine_m"] / 1000},
    "short rides only": lambda day: {
        name: values[day["haversine_m"] < np.median(day["haversine_m"])] for name, values in day.items()
    },
    "origins 0.02 degrees north": lambda day: {**day, "origin_lat": day["origin_lat"] + 0.02},
    "a fifth without destination": lambda day: {**day, "destination_lat": _lose(day["destination_lat"], 5)},
    "clock in UTC": lambda day: {
        **day,
        "hour_of_day": (day["hour_of_day"] + 5) % 24,
        "hour_of_week": (day["hour_of_week"] + 5) % 168,
    },
}


def run(folder: Path | None) -> None:
    """Print how many days each way calls drifted, of those that are not and of those that are."""
    if folder is None or not (folder / TRAINED[-1]).exists():
        print(f"  skipped: --trips FOLDER must hold {TRAINED[0]} … {TRAINED[-1]}")
        return
    use_case = load_use_case("taxi_eta")
    past, later = (read_trips(use_case, [folder / name for name in some]) for some in (TRAINED[:3], TRAINED[3:]))
    time, names = use_case.data.event_time, use_case.features.names
    every = {name: np.concatenate([past[name], later[name]]) for name in (*names, time)}
    even = np.floor(every[time] / _DAY_S) % 2 == 0
    print(f"  alpha {ALPHA}: that share of the days between those of training may be called drifted, and no more")
    half = {name: every[name][even] for name in names}
    between = list(_split({name: every[name][~even] for name in names}, every[time][~even]))
    _print(f"{len(between)} days between", between, profile_columns(half, every[time][even]), half)
    profile = profile_columns({name: past[name] for name in names}, past[time])
    days = list(_split({name: later[name] for name in names}, later[time]))
    _print(f"{len(days)} days of the months after", days, profile, past)
    for name, change in _MISHAPS.items():
        _print(name, [change(day) for day in days], profile, past)


def _split(columns: Mapping[str, Column], times_s: Column) -> Iterator[dict[str, Column]]:
    day = np.floor(times_s / _DAY_S)
    for one in np.unique(day):
        found = {name: values[day == one] for name, values in columns.items()}
        if np.count_nonzero(day == one) >= 2 * FEWEST_ROWS:
            yield found


def _print(name: str, days: list[dict[str, Column]], profile: Profile, past: Mapping[str, Column]) -> None:
    counted = [{c: count_bins(values, profile.columns[c].edges) for c, values in day.items()} for day in days]
    ours = np.mean([measure_drift(profile, day, alpha=ALPHA).verdict == "drifted" for day in counted])
    index = np.mean([any(_measure_psi(profile, c, day[c]) > FOLKLORE for c in day) for day in counted])
    test = np.mean([any(_test(past[c], values) < ALPHA / len(day) for c, values in day.items()) for day in days])
    print(f"  {name:32} noriba {ours:6.1%}   index over {FOLKLORE} {index:6.1%}   Kolmogorov-Smirnov {test:6.1%}")


def _measure_psi(profile: Profile, column: str, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    before = np.array(profile.columns[column].counts, dtype=np.float64).sum(axis=0)
    shares = np.maximum(before / before.sum(), 1e-4), np.maximum(counts / counts.sum(), 1e-4)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _test(before: Column, now: Column) -> float:
    known = now[~np.isnan(now)]
    if len(known) < 2 or np.isnan(before).all():  # noqa: PLR2004  # two values make a distribution
        return 0.0 if np.isnan(before).mean() != np.isnan(now).mean() else 1.0
    return float(stats.ks_2samp(before[~np.isnan(before)], known).pvalue)
