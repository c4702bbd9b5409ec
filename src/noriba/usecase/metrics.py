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
    """

    name: str
    meaning: str
    better: Literal["more", "less"]
