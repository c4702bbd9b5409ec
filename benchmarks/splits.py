"""False alarms on real trips: a month is split at random, one half is the hold-out, and the other one is looked at.

The two halves are alike, so whatever is called changed is a false alarm. Looked at every six hours, through the month:
accuracy in each part of the traffic, lean, coverage, and drift by whole days.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy import find_months, fit_past, read_trips
from noriba.features.columns import take_rows
from noriba.monitoring.assessment import assess_accuracy, assess_coverage
from noriba.monitoring.days import assess_drift, list_whole_days
from noriba.records.evidence import Evidence, SliceEvidence
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from noriba.records.profiles import count_bins
from noriba.timestamps import begin_day
from noriba.training.evaluation import measure
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.profiles import profile_columns
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.records.evidence import Metrics
    from noriba.records.profiles import Profile
    from noriba.training.models import Answers
    from noriba.usecase import UseCase

    Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

LEARNED = "2023-01", "2023-02"
SPLIT = "2023-03"
SPLITS = 200
LOOK_EVERY = timedelta(hours=6)
_HOUR_S, _DAY_S = 3600, 86_400


@dataclass(frozen=True)
class Month:
    """Trips as a model answered them, in order of time."""

    trips: Columns
    answers: Answers
    claimed: float
    labels: dict[str, np.ndarray[tuple[int], np.dtype[np.str_]]]


def run(folder: Path | None) -> None:
    """Print the share of splits in which anything was ever called changed."""
    files = find_months(folder, (*LEARNED, SPLIT))
    if files is None:
        print("  skipped: --trips FOLDER must hold green_tripdata files of LEARNED and SPLIT in benchmarks/splits.py")
        return
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    past = read_trips(use_case, [files[month] for month in LEARNED])
    predictor = fit_past(use_case, settings, past)
    trips = read_trips(use_case, [files[SPLIT]])
    labels = {name: np.asarray(give(trips), dtype=np.str_) for name, give in use_case.data.slices.items()}
    month = Month(trips, predictor.predict_features(trips), predictor.model.claimed_coverage, labels)
    # Not forked: the parent has threads of LightGBM's.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        found = list(workers.map(partial(look_at_split, month), range(SPLITS), chunksize=10))
    kinds = Counter(kind for some in found for kind in some)
    told = ", ".join(f"{kind} {times}" for kind, times in kinds.most_common()) or "nothing"
    share = sum(map(bool, found)) / SPLITS
    print(f"  {SPLITS} splits of {len(trips[use_case.data.label])} trips: {share:.1%} raised an alarm ({told})")


def look_at_split(month: Month, seed: int) -> set[str]:
    """What was called changed in one split, at any look."""
    use_case = load_use_case("taxi_eta")
    outcome, at_s = month.trips[use_case.data.label], month.trips[use_case.data.event_time]
    before = np.random.default_rng(seed).random(len(outcome)) < 0.5  # noqa: PLR2004  # half
    evidence = _measure_holdout(month, outcome, before)
    names = use_case.features.names
    profile = profile_columns(take_rows({name: month.trips[name] for name in names}, before), at_s[before])
    policy = use_case.policies.monitoring
    bound = policy.implausible_ratio * evidence.candidate.mae
    possible = (outcome >= use_case.data.label_range[0]) & (outcome <= use_case.data.label_range[1])
    plausible = possible & (np.abs(month.answers.value - outcome) < bound)
    hours = list(_tally_hours(month, outcome, at_s, ~before, possible=possible, plausible=plausible))
    days = list(_count_days(use_case, month, profile, ~before))
    changed: set[str] = set()
    now = hours[0].hour + timedelta(days=1)
    while now <= hours[-1].hour:
        ripe_until, oldest = now - timedelta(hours=policy.truth_hours), begin_day(list_whole_days(now)[0])
        ripe = [one for one in hours if oldest <= one.hour and one.hour + timedelta(hours=1) <= ripe_until]
        last = ripe[-policy.window_hours :]
        findings = (
            assess_accuracy(last, 1, evidence, policy, longer=ripe),
            assess_coverage(last, 1, policy, longer=ripe),
            assess_drift([one for one in days if one.hour >= oldest], 1, profile, policy, now=now),
        )
        changed |= {one.kind for one in findings if one.verdict == "changed"}
        now += LOOK_EVERY
    return changed


def _measure_holdout(month: Month, outcome: Column, rows: Mask) -> Evidence:
    def measured(some: Mask) -> Metrics:
        answers = month.answers
        return measure(answers.value[some], outcome[some], low=answers.low[some], high=answers.high[some])

    slices = tuple(
        SliceEvidence(name=name, value=str(value), candidate=measured(rows & (labels == value)))
        for name, labels in month.labels.items()
        for value in np.unique(labels[rows])
    )
    whole = measured(rows)
    return Evidence(
        use_case="taxi_eta",
        snapshot_id="",
        holdout_first_s=0.0,
        holdout_last_s=0.0,
        claimed_coverage=month.claimed,
        candidate=whole,
        baseline=whole,
        slices=slices,
        latency_p95_ms=0.0,
        feature_fingerprint="",
        bundle_digest="",
        code_digest="",
    )


def _tally_hours(
    month: Month, outcome: Column, at_s: Column, rows: Mask, *, possible: Mask, plausible: Mask
) -> Iterator[HourMeasurement]:
    """Sums by hour and part, as the monitor's query makes them."""
    error, hour = month.answers.value - outcome, (at_s // _HOUR_S).astype(int)
    covered = (month.answers.low <= outcome) & (outcome <= month.answers.high)
    parts = {EVERYTHING: rows}
    for name, labels in month.labels.items():
        parts |= {f"{name}: {value}": rows & (labels == value) for value in np.unique(labels[rows])}
    first = hour.min()
    series = {
        "answered": np.ones_like(error),
        "with_outcome": np.ones_like(error),
        "abs_error": np.abs(error),
        "bounded": np.abs(error) * plausible,
        "lean": np.sign(error) * plausible,
        "implausible": possible & ~plausible,
        "impossible": ~possible,
        "covered": covered & plausible,
        "claimed": month.claimed * plausible,
    }
    sums = {
        part: {
            name: np.bincount(hour[some] - first, weights=values[some], minlength=hour.max() - first + 1)
            for name, values in series.items()
        }
        for part, some in parts.items()
    }
    for number in range(hour.max() - first + 1):
        tallies = {
            part: AnswerTally.model_validate({name: values[number] for name, values in found.items()})
            for part, found in sums.items()
            if found["with_outcome"][number]
        }
        yield HourMeasurement(hour=_read_moment(first + number), versions={1: tallies} if tallies else {})


def _count_days(use_case: UseCase, month: Month, profile: Profile, rows: Mask) -> Iterator[HourMeasurement]:
    """Requests by day and feature, each day as if it were an hour."""
    day = month.trips[use_case.data.event_time] // _DAY_S
    for one in np.unique(day):
        some = rows & (day == one)
        counts = {
            name: tuple(count_bins(month.trips[name][some], column.edges).tolist())
            for name, column in profile.columns.items()
        }
        yield HourMeasurement(hour=_read_moment(int(one) * 24), versions={1: {}}, counts={1: counts})


def _read_moment(hour: int) -> datetime:
    return datetime.fromtimestamp(int(hour) * _HOUR_S, UTC)
