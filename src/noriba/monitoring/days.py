"""Have requests changed, day by day? Whole days are held against those of training; one odd day is no change yet.

A day like those of training is called drifted with a probability of alpha (`drift`). Two of three days in a row are
needed: were days independent, that happens by chance with a probability of about 3 · alpha², less than one time in a
hundred. A holiday is odd and gone; a new regime stays.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from noriba.monitoring.drift import measure_drift
from noriba.records.monitoring import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from noriba.monitoring.drift import DriftMeasurement
    from noriba.records.measurements import HourMeasurement
    from noriba.records.profiles import Profile
    from noriba.usecase.policies import MonitoringPolicy

DAYS = 3
"""How many days are looked at together."""
NEEDED = 2
"""How many of them must have drifted, the last one among them."""
SETTLED = timedelta(hours=3)
"""How long after its end a day is looked at: captures come within two hours or so."""
_MOST_NAMED = 5


def list_whole_days(now: datetime) -> list[date]:
    """The days that are looked at, in UTC; the last one is that of which all has come."""
    today = (now - SETTLED).astimezone(UTC).date()
    return [today - timedelta(days=ago) for ago in range(DAYS, 0, -1)]


def assess_drift(
    hours: Sequence[HourMeasurement], version: int, profile: Profile | None, policy: MonitoringPolicy, *, now: datetime
) -> Finding:
    """Whether requests have changed since training.

    Args:
        hours: of the days that `list_whole_days` names.
        version: whose requests.
        profile: of its training; None where it was trained before profiles were kept.
        policy: says how often a day like those of training may be called drifted.
        now: the time of the look.
    """
    if profile is None:
        return _find("unknown", "the model was trained before profiles were kept; train anew")
    counts = sum_days(hours, version, profile)
    reports = [
        (day, measure_drift(profile, counts[day], alpha=policy.drift_alpha))
        for day in list_whole_days(now)
        if day in counts
    ]
    last = reports[-1][1] if reports else None
    if last is None or last.verdict == "unknown" or reports[-1][0] != list_whole_days(now)[-1]:
        return _find("unknown", last.reason if last else "not enough data: no request on the last whole day")
    drifted = [day for day, report in reports if report.verdict == "drifted"]
    if last.verdict != "drifted":
        return _find("steady", f"on {reports[-1][0]}, {last.rows} requests: {last.reason}")
    if len(drifted) < NEEDED:
        return _find("steady", f"{drifted[-1]} alone was odd, which happens: {_name_columns(last)}")
    return Finding(kind="drift", verdict="changed", reason=_name_columns(last), since=drifted[0])


def sum_days(
    hours: Iterable[HourMeasurement], version: int, profile: Profile
) -> dict[date, dict[str, NDArray[np.int64]]]:
    """Requests by day and feature, in the profile's bins; features of other bins are left out.

    So are days of which this version has served a part alone: the afternoon is no day.
    """
    by_day: dict[date, list[HourMeasurement]] = defaultdict(list)
    for hour in hours:
        by_day[hour.hour.date()].append(hour)
    sums = {
        day: sum_counts(some, version, profile)
        for day, some in by_day.items()
        if all(version in hour.counts for hour in some if hour.versions)
    }
    return {day: counts for day, counts in sums.items() if counts}


def sum_counts(hours: Iterable[HourMeasurement], version: int, profile: Profile) -> dict[str, NDArray[np.int64]]:
    """Requests by feature, in the profile's bins; features of other bins are left out."""
    found: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
    for hour in hours:
        columns: Mapping[str, tuple[int, ...]] = hour.counts.get(version, {})
        for name, counts in columns.items():
            if name in profile.columns and len(counts) == len(profile.columns[name].edges) + 2:
                found[name].append(np.array(counts, dtype=np.int64))
    return {name: np.sum(some, axis=0) for name, some in found.items()}


def _name_columns(report: DriftMeasurement) -> str:
    words = [f"{name}: {report.columns[name].moved}" for name in report.drifted[:_MOST_NAMED]]
    left = len(report.drifted) - _MOST_NAMED
    return "; ".join([*words, *([f"and {left} more"] if left > 0 else [])])


def _find(verdict: Literal["steady", "unknown"], reason: str) -> Finding:
    return Finding(kind="drift", verdict=verdict, reason=reason)
