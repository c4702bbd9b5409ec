"""What the business makes of a prediction: an app reports it beside the outcome, and experiments compare by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BusinessMetric:
    """A number, or yes or no, about one prediction.

    Attributes:
        name: as apps report it: `cancelled`.
        meaning: for people: `the passenger cancelled before the car came`.
        better: which way is good.
        value_range: the least and the greatest number that there can be; None for yes (1) or no (0). What lies outside
            is refused: one value of a thousand million would be all that an experiment sees.
    """

    name: str
    meaning: str
    better: Literal["more", "less"]
    value_range: tuple[float, float] | None = None

    def allows(self, value: float) -> bool:
        """Whether it can have this value."""
        if self.value_range is None:
            return value in {0, 1}
        least, greatest = self.value_range
        return least <= value <= greatest
