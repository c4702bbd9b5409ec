"""What a model was asked on some days, counted by hour, and the profile of its training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from noriba.records.measurements import HourMeasurement
from noriba.records.profiles import Profile, count_bins
from noriba.training.profiles import profile_columns

NOW = datetime(2026, 7, 4, 9, 20, tzinfo=UTC)


def make_profile() -> Profile:
    rng = np.random.default_rng(5)
    rows, days = 400, 60
    times_s = np.repeat(np.arange(days) * 86_400.0, rows) + np.tile(np.linspace(0, 86_399, rows), days)
    return profile_columns(
        {"length": draw(rng, days * rows, days=days), "hour": rng.normal(0, 1, days * rows)}, times_s
    )


def draw(
    rng: np.random.Generator, rows: int, *, days: int = 1, shift: float = 0.0
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    level = np.repeat(rng.normal(0, 0.1, days), rows // days)
    return level + rng.normal(shift, 1, rows)


PROFILE = make_profile()


def ask_on(days: dict[int, float], *, unknown: float = 0.0) -> list[HourMeasurement]:
    """Hours of days so many days ago, whose lengths are shifted by so much."""
    rng = np.random.default_rng(9)
    found = []
    for ago, shift in days.items():
        start = NOW.replace(hour=0, minute=0) - timedelta(days=ago)
        for hour in range(24):
            length = draw(rng, 20, shift=shift)
            length[rng.random(20) < unknown] = np.nan
            counts = {
                "length": tuple(count_bins(length, PROFILE.columns["length"].edges).tolist()),
                "hour": tuple(count_bins(rng.normal(0, 1, 20), PROFILE.columns["hour"].edges).tolist()),
            }
            found.append(HourMeasurement(hour=start + timedelta(hours=hour), counts={3: counts}))
    return found
