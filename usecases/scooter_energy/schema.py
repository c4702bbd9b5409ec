"""What an app sends, before the ride begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from noriba.timestamps import Timestamp  # pydantic reads it at run time
from noriba.usecase import PredictionRequest
from usecases.scooter_energy.words import MODES, MOST_KM, RIDER_KG, SCOOTERS, SURFACES, TEMPERATURE_C

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column

RiderKg = Annotated[float, Field(strict=True, ge=RIDER_KG[0], le=RIDER_KG[1])]
TemperatureC = Annotated[float, Field(strict=True, ge=TEMPERATURE_C[0], le=TEMPERATURE_C[1])]


class ScooterEnergyRequest(PredictionRequest):
    """One ride, as it is planned."""

    scooter: Literal["light", "city", "tourer"]
    surface: Literal["asphalt", "gravel", "cobbles"] = Field(description="most of the way")
    mode: Literal["eco", "normal", "sport"]
    distance_km: float = Field(strict=True, gt=0, le=MOST_KM)
    rider_kg: RiderKg | None = Field(default=None, description="with luggage; left out when not known")
    temperature_c: TemperatureC | None = Field(default=None, description="of the air; left out when not known")
    started_at: Timestamp = Field(description="with zone or offset")

    def to_columns(self) -> dict[str, Column]:
        """One row; what is not known is NaN."""
        return {
            "started_at_s": np.array([self.started_at.timestamp()]),
            "scooter": SCOOTERS.number([self.scooter]),
            "surface": SURFACES.number([self.surface]),
            "mode": MODES.number([self.mode]),
            "distance_km": np.array([self.distance_km]),
            "rider_kg": np.array([np.nan if self.rider_kg is None else self.rider_kg]),
            "temperature_c": np.array([np.nan if self.temperature_c is None else self.temperature_c]),
        }

    def candidate_ids(self) -> Sequence[str | None]:
        """A request is one ride."""
        return [None]
