"""How the city is run: as usual, or after a change that a model has to notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Regime:
    """One way in which streets and demand behave.

    Attributes:
        closed_bridges_north_m: where the bridges stand that nobody may cross.
        delay: what multiplies travel times: street, avenue, ring, bridge, motorway.
        new_offices: weight of the office quarter across the river; the old one in the middle weighs 1.
    """

    closed_bridges_north_m: tuple[float, ...]
    delay: tuple[float, float, float, float, float]
    new_offices: float


ORDINARY = Regime(closed_bridges_north_m=(), delay=(1.0, 1.0, 1.0, 1.0, 1.0), new_offices=0.4)

DISRUPTED = Regime(closed_bridges_north_m=(0.0,), delay=(1.12, 1.2, 1.1, 1.25, 1.1), new_offices=1.2)
"""The bridge in the middle is closed, everything is slower, and half of the offices have moved across the river."""
