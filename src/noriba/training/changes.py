"""Change points of a daily series: since when has the world been as it is now?

The statistic is the largest cumulated deviation from the mean (Page, "Continuous inspection schemes", Biometrika 1954;
as a test for one change of the mean: Csörgő and Horváth, "Limit Theorems in Change-Point Analysis", 1997, chapter 2).
Without a change it is distributed like the supremum of a Brownian bridge, whatever the series is, once it is scaled by
the long-run standard deviation: days resemble their neighbours, and a jam of three days is no change (Newey and West,
Econometrica 1987, with the weights of Bartlett). Several changes are found one after the other, by halves (Vostrikova,
Soviet Mathematics Doklady 1981).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noriba.features import Column

CRITICAL = 1.628
"""Exceeded by the supremum of a Brownian bridge once in a hundred times (Kolmogorov's distribution)."""
LAGS = 7
"""Days that resemble each other: up to a week apart."""


def find_last_change(series: Column, *, min_length: int) -> int:
    """The place of the first value after the last change of the mean; 0 where there is none.

    Args:
        series: one value a day, in order, shape (n,).
        min_length: values of a stretch without a change, at least.
    """
    start = 0
    while (place := find_change(series[start:], min_length=min_length)) is not None:
        start += place
    return start


def find_change(series: Column, *, min_length: int) -> int | None:
    """Where the mean changes most, if it does at all; see `find_last_change`."""
    days = len(series)
    if days < 2 * min_length:
        return None
    places = np.arange(1, days)
    cusum = np.cumsum(series - series.mean())[:-1]
    inside = (places >= min_length) & (places <= days - min_length)
    place = int(places[inside][np.argmax(np.abs(cusum[inside]))])
    residual = series - np.repeat([series[:place].mean(), series[place:].mean()], [place, days - place])
    deviation = _measure_long_run(residual)
    statistic = abs(cusum[place - 1]) / np.sqrt(days)
    return place if statistic > CRITICAL * deviation else None


def _measure_long_run(residual: Column) -> float:
    """The long-run standard deviation of a series of mean zero; never less than that of independent days."""
    days = len(residual)
    variance = total = float(np.mean(residual**2))
    for lag in range(1, min(LAGS, days - 1) + 1):
        total += 2.0 * (1.0 - lag / (LAGS + 1)) * float(residual[lag:] @ residual[:-lag]) / days
    return float(np.sqrt(max(total, variance)))
