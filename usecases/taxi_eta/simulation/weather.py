"""Rain, hour by hour: a Markov chain of dry, drizzle, rain and downpour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noriba.features import Column

_CHANGE = np.array(
    [
        [0.960, 0.030, 0.009, 0.001],
        [0.250, 0.550, 0.180, 0.020],
        [0.120, 0.250, 0.550, 0.080],
        [0.100, 0.150, 0.450, 0.300],
    ]
)
"""Chance of each kind of hour (column) after each kind of hour (row); it rains in about one hour of seven."""

_TYPICAL_MM_PER_H = np.array([0.0, 0.6, 3.0, 11.0])
_SHAPE = 2.5
"""Of the gamma distribution of an hour's intensity around the typical one."""

_SOAKED_MM_PER_H = 4.0


def draw_rain_mm_per_h(generator: np.random.Generator, hours: int) -> Column:
    """Rain in so many consecutive hours, beginning with a dry one, to a tenth of a millimetre."""
    cumulative = _CHANGE.cumsum(axis=1)
    kinds = np.zeros(hours, dtype=np.int64)
    for hour, chance in enumerate(generator.random(hours - 1), start=1):
        kinds[hour] = np.searchsorted(cumulative[kinds[hour - 1], :-1], chance, side="right")
    intensity = generator.standard_gamma(_SHAPE, hours) / _SHAPE
    return np.round(_TYPICAL_MM_PER_H[kinds] * intensity, 1)


def measure_wetness(rain_mm_per_h: Column) -> Column:
    """How much of the worst that rain can do to traffic it does, 0 to 1: the first millimetres matter most."""
    return 1.0 - np.exp(-rain_mm_per_h / _SOAKED_MM_PER_H)
