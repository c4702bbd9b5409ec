"""Has what a model is asked changed? Told with a false-alarm rate that holds, however many columns there are.

A fixed threshold on some distance means nothing: with few rows every day looks drifted, with many rows no day looks
like another. What tells is whether today differs from the days of training more than those differ from each other.

Each day of training and today are reduced to the same number of rows, and each is held against all the others
(Hellinger distance between binned columns). Were today a day like those, it could be any of them: that it is the
oddest of them all has the probability 1 / (days + 1). No distribution is assumed, and days may be as different as they
like. Columns are judged together, by the oddest of each day, so that a hundred columns raise no more false alarms
than one:

    Westfall, Young: Resampling-based multiple testing, Wiley 1993, section 2.3 (single-step maxT);
    Vovk, Gammerman, Shafer: Algorithmic learning in a random world, Springer 2005, chapter 2 (why the rank is exact).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noriba.records.profiles import Profile

FEWEST_ROWS = 200
"""A day, or a window, with fewer rows says too little of twenty bins."""
_ODD_SHARE = 0.9


@dataclass(frozen=True)
class ColumnDrift:
    """One column.

    Attributes:
        distance: from the days of training, 0 (the same) to 1 (nothing in common).
        usual: how far the days of training are from each other, in the median.
        p_value: the probability that any column would be so odd on a day like those of training.
        moved: in words.
    """

    distance: float
    usual: float
    p_value: float
    moved: str


@dataclass(frozen=True)
class DriftMeasurement:
    """What was found in one window.

    Attributes:
        verdict: `unknown` where there are too few rows, or too few days to be as certain as was asked for.
        reason: in words.
        rows: in the window.
        drifted: names of the columns that have, the oddest first.
        columns: all of them.
    """

    verdict: Literal["steady", "drifted", "unknown"]
    reason: str
    rows: int
    drifted: tuple[str, ...]
    columns: Mapping[str, ColumnDrift]


def measure_drift(
    profile: Profile, window: Mapping[str, NDArray[np.int64]], *, alpha: float, seed: int = 0
) -> DriftMeasurement:
    """Hold a window of requests against training.

    Args:
        profile: of the model's training.
        window: counts by bin of each of the profile's columns; see `count_bins`. Best of a whole day, like those.
        alpha: how often a day like those of training may raise an alarm.
        seed: of the draws that reduce days to the same number of rows; the same one gives the same report.
    """
    names = [name for name in profile.columns if name in window]
    rows = int(window[names[0]].sum()) if names else 0
    days = _pick_days(profile, names)
    if rows < FEWEST_ROWS:
        return _unknown(f"{rows} rows; at least {FEWEST_ROWS} are needed", rows)
    needed = int(np.ceil(1 / alpha)) - 1
    if len(days) < needed:
        found = f"{len(days)} day{'' if len(days) == 1 else 's'} of at least {FEWEST_ROWS} rows"
        return _unknown(
            f"the training data have {found}; {needed} are needed to tell an odd day from a usual one", rows
        )
    rng = np.random.default_rng(seed)
    # Today is the last of them.
    distances = np.stack([_measure(profile, name, window[name], days, rng) for name in names])
    p_values = _judge(distances)
    columns = {
        name: ColumnDrift(
            distance=float(distances[number, -1]),
            usual=float(np.median(distances[number, :-1])),
            p_value=float(p_values[number]),
            moved=_say_how(profile, name, window[name], days),
        )
        for number, name in enumerate(names)
    }
    drifted = sorted((name for name in names if columns[name].p_value <= alpha), key=lambda n: -columns[n].distance)
    if not drifted:
        return DriftMeasurement("steady", "no column is odder than on the days of training", rows, (), columns)
    reason = "; ".join(f"{name}: {columns[name].moved}" for name in drifted)
    return DriftMeasurement("drifted", reason, rows, tuple(drifted), columns)


def _unknown(reason: str, rows: int) -> DriftMeasurement:
    return DriftMeasurement("unknown", f"not enough data: {reason}", rows, (), {})


def _pick_days(profile: Profile, names: list[str]) -> NDArray[np.int64]:
    """Days of training with enough rows to be held against others."""
    if not names:
        return np.array([], dtype=np.int64)
    totals = np.array([sum(day) for day in profile.columns[names[0]].counts])
    # No other day is left out: a quiet one is a day as well, and a holiday is to be held against holidays.
    return np.flatnonzero(totals >= FEWEST_ROWS)


def _measure(
    profile: Profile, name: str, today: NDArray[np.int64], days: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """How far each day, and today, is from all the others; all reduced to the same number of rows."""
    every = np.vstack([np.array(profile.columns[name].counts, dtype=np.int64)[days], today])
    size = int(every.sum(axis=1).min())
    # Without replacement: a day of exactly that many rows stays as it is.
    drawn = np.stack([rng.multivariate_hypergeometric(counts, size) for counts in every]).astype(np.float64)
    others = drawn.sum(axis=0) - drawn
    return _hellinger(drawn / size, others / (size * (len(drawn) - 1)))


def _hellinger(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance between distributions, row by row; 0 to 1."""
    distance: NDArray[np.float64] = np.sqrt(((np.sqrt(one) - np.sqrt(other)) ** 2).sum(axis=-1) / 2)
    return distance


def _judge(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of each column's oddness, all columns considered; shape (columns, days + 1) in, (columns,) out.

    A distance is told as a multiple of what the column's odd days have: a column in which every weekend is odd must not
    drown the others. Today is measured with the others, and ranked among them: it is not to be told apart by how it was
    treated.
    """
    scale = np.quantile(distances, _ODD_SHARE, axis=1, keepdims=True)
    odd = distances / np.where(scale > 0, scale, 1.0)
    oddest = odd.max(axis=0)
    # Today is one of them, and as odd as itself.
    as_odd = 1 + np.count_nonzero(oddest[None, :-1] >= odd[:, -1:], axis=1)
    p_values: NDArray[np.float64] = as_odd / len(oddest)
    return p_values


def _say_how(profile: Profile, name: str, today: NDArray[np.int64], days: NDArray[np.int64]) -> str:
    """Which part of the column grew or shrank most, in words."""
    column = profile.columns[name]
    before = np.array(column.counts, dtype=np.float64)[days].sum(axis=0)
    shares = before / before.sum(), today / today.sum()
    bin_ = int(np.argmax(np.abs(shares[1] - shares[0])))
    return f"{_name_bin(column.edges, bin_)} was {shares[0][bin_]:.1%} of rows in training, {shares[1][bin_]:.1%} now"


def _name_bin(edges: tuple[float, ...], number: int) -> str:
    if number > len(edges):
        return "unknown"
    if not edges:
        return "known"
    if number == 0:
        return f"below {edges[0]:.4g}"
    if number == len(edges):
        return f"{edges[-1]:.4g} and above"
    return f"{edges[number - 1]:.4g} to {edges[number]:.4g}"
