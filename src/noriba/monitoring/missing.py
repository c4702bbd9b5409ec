"""Are features missing from requests that were there in training? A source of data that fails shows here first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.monitoring.days import sum_counts
from noriba.monitoring.drift import FEWEST_ROWS
from noriba.records.monitoring import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noriba.records.measurements import HourMeasurement
    from noriba.records.profiles import Profile
    from noriba.usecase.policies import MonitoringPolicy


def assess_missing_features(
    hours: Iterable[HourMeasurement], version: int, profile: Profile | None, policy: MonitoringPolicy
) -> Finding:
    """Whether features are missing that were there in training."""
    if profile is None:
        return Finding(kind="quality", verdict="unknown", reason="the model was trained before profiles were kept")
    total = sum_counts(hours, version, profile)
    rows = int(next(iter(total.values())).sum()) if total else 0
    if rows < FEWEST_ROWS:
        reason = f"not enough data: {rows} requests; at least {FEWEST_ROWS} are needed"
        return Finding(kind="quality", verdict="unknown", reason=reason)
    missing = []
    for name, counts in total.items():
        before = np.array(profile.columns[name].counts, dtype=np.float64).sum(axis=0)
        was, now = before[-1] / before.sum(), counts[-1] / rows
        if now > was + policy.max_unknown_gain:
            missing.append(f"{name} is unknown in {now:.1%} of the requests, in training {was:.1%}")
    if missing:
        return Finding(kind="quality", verdict="changed", reason="; ".join(missing))
    return Finding(kind="quality", verdict="steady", reason=f"all features are known in {rows} requests as in training")
