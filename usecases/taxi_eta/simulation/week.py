"""The city's week: at every hour it is in a phase, or on the way from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from noriba.features.clock import read_day_of_week, read_hour_of_day

if TYPE_CHECKING:
    from noriba.features import Column

Index: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

_HOURS_PER_WEEK = 168.0


class Phase(IntEnum):
    """What the city is doing; streets, demand and purposes depend on it."""

    NIGHT = 0
    MORNING = 1
    DAY = 2
    EVENING = 3
    LEISURE = 4


_MORNING_TO_EVENING = (
    (1.0, Phase.NIGHT),
    (5.0, Phase.NIGHT),
    (8.0, Phase.MORNING),
    (9.0, Phase.MORNING),
    (10.5, Phase.DAY),
    (15.0, Phase.DAY),
    (17.0, Phase.EVENING),
    (18.5, Phase.EVENING),
)
_WORKDAY = (*_MORNING_TO_EVENING, (20.5, Phase.LEISURE), (21.5, Phase.LEISURE))
_FRIDAY = (*_MORNING_TO_EVENING, (20.5, Phase.LEISURE))
_SATURDAY = (
    (2.0, Phase.LEISURE),
    (5.0, Phase.NIGHT),
    (8.0, Phase.NIGHT),
    (13.0, Phase.LEISURE),
)
_SUNDAY = (*_SATURDAY, (19.0, Phase.LEISURE))

_WEEK = tuple(
    (24.0 * day + hour, phase)
    for day, knots in enumerate((_WORKDAY, _WORKDAY, _WORKDAY, _WORKDAY, _FRIDAY, _SATURDAY, _SUNDAY))
    for hour, phase in knots
)
_KNOT_HOURS = np.array([hour for hour, _phase in _WEEK])
_KNOT_PHASES = np.array([phase for _hour, phase in _WEEK], dtype=np.int64)


@dataclass(frozen=True)
class Blend:
    """Between two phases, for each of n moments.

    Attributes:
        before: the `Phase` that is ending.
        after: the `Phase` that is coming.
        share: how far it has come, 0 to 1.
    """

    before: Index
    after: Index
    share: Column

    def mix(self, by_phase: Column) -> Column:
        """A quantity that is known for each phase, at each moment."""
        before, after = by_phase[self.before], by_phase[self.after]
        return before + self.share * (after - before)

    def take(self, rows: slice) -> Blend:
        """Some of the moments."""
        return Blend(self.before[rows], self.after[rows], self.share[rows])


def read_blend(wall_s: Column) -> Blend:
    """The city's state at times on its own clock."""
    hour = read_day_of_week(wall_s) * 24.0 + read_hour_of_day(wall_s)
    last = np.searchsorted(_KNOT_HOURS, hour, side="right") - 1
    following = (last + 1) % len(_KNOT_HOURS)
    elapsed = (hour - _KNOT_HOURS[last]) % _HOURS_PER_WEEK
    span = (_KNOT_HOURS[following] - _KNOT_HOURS[last]) % _HOURS_PER_WEEK
    return Blend(_KNOT_PHASES[last], _KNOT_PHASES[following], elapsed / span)
