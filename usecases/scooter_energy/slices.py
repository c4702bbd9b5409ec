"""Kinds of rides that are evaluated by themselves, so that a good average hides none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from usecases.scooter_energy.words import SCOOTERS

if TYPE_CHECKING:
    from noriba.features import Columns
    from noriba.usecase import Labels


def name_scooter(rides: Columns) -> Labels:
    """Which scooter."""
    return np.array(SCOOTERS.words)[rides["scooter_number"].astype(np.int64)]


def name_weather(rides: Columns) -> Labels:
    """Cold from 10 degrees below what batteries like; `unknown` where nobody measured."""
    cold = rides["cold_degrees"]
    return np.where(np.isnan(cold), "unknown", np.where(cold >= 10.0, "cold", "mild"))  # noqa: PLR2004  # see above


SLICES = {"scooter": name_scooter, "weather": name_weather}
