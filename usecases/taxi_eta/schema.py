"""What an app sends, and what a recorded trip is: the use case's two contracts.

A place is a pair of coordinates, or the number of a New York taxi zone. A time carries its zone or offset.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from noriba.features import Column, as_column
from noriba.features.clock import list_zones, read_zone_clock
from noriba.features.geometry import measure_haversine_m
from noriba.timestamps import Timestamp
from noriba.usecase import CandidateId, PredictionRequest
from usecases.taxi_eta.bounds import FARTHEST_M, LATITUDE, LONGITUDE, RAIN_MM_PER_H, ZONES
from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_TIME_ZONE = "America/New_York"
MAX_CANDIDATES = 500


def _check_time_zone(name: str) -> str:
    if name not in list_zones():
        raise ValueError(f"no such time zone; send an IANA name such as {DEFAULT_TIME_ZONE}")
    return name


def _check_zone(zone: int) -> int:
    if not ZONES[0] <= zone <= ZONES[1] or zone not in read_zone_table().places:
        raise ValueError(
            f"this taxi zone has no place; send a zone from {ZONES[0]} to {ZONES[1]}, or latitude and longitude"
        )
    return zone


def _read_whole(number: object) -> object:
    # JSON has no integers of its own; to it, and to a file, 74.0 is 74.
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _list_placed_zones() -> list[int]:
    """The taxi zones that have a place."""
    return [zone for zone in range(ZONES[0], ZONES[1] + 1) if zone in read_zone_table().places]


TimeZone = Annotated[
    str, AfterValidator(_check_time_zone), WithJsonSchema({"type": "string", "enum": sorted(list_zones())})
]
Latitude = Annotated[float, Field(strict=True, ge=LATITUDE[0], le=LATITUDE[1], allow_inf_nan=False)]
Longitude = Annotated[float, Field(strict=True, ge=LONGITUDE[0], le=LONGITUDE[1], allow_inf_nan=False)]
Rain = Annotated[float, Field(strict=True, ge=RAIN_MM_PER_H[0], le=RAIN_MM_PER_H[1], allow_inf_nan=False)]
Zone = Annotated[
    int,
    Field(strict=True),
    BeforeValidator(_read_whole),
    AfterValidator(_check_zone),
    WithJsonSchema({"type": "integer", "enum": _list_placed_zones()}),
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _say_one_of(*choices: Mapping[str, str]) -> ConfigDict:
    """A description in which exactly one of several sets of fields is given; field → its JSON type.

    The types alone do not say it: each field may be left out, or null.
    """
    names = {name for choice in choices for name in choice}

    def describe(choice: Mapping[str, str]) -> dict[str, Any]:
        types = {name: {"type": choice.get(name, "null")} for name in sorted(names)}
        return {"required": sorted(choice), "properties": types}

    return ConfigDict(json_schema_extra={"oneOf": [describe(choice) for choice in choices]})


class Place(_Strict):
    """Coordinates in degrees (WGS 84), or a taxi zone's number."""

    model_config = _say_one_of({"zone_id": "integer"}, {"latitude": "number", "longitude": "number"})

    latitude: Latitude | None = None
    longitude: Longitude | None = None
    zone_id: Zone | None = Field(default=None, description="NYC taxi zone")

    @model_validator(mode="after")
    def _name_one_place(self) -> Self:
        coordinates = (self.latitude is not None, self.longitude is not None)
        if self.zone_id is not None and any(coordinates):
            raise ValueError("give either zone_id or latitude and longitude, not both")
        if self.zone_id is None and not all(coordinates):
            raise ValueError("give latitude and longitude, or zone_id")
        return self

    @property
    def position(self) -> tuple[float, float, float]:
        """Latitude and longitude in degrees, and the zone's number or NaN."""
        if self.zone_id is None:
            assert self.latitude is not None and self.longitude is not None  # noqa: S101, PT018  # validated above
            return self.latitude, self.longitude, float("nan")
        return *read_zone_table().places[self.zone_id], float(self.zone_id)


class Candidate(_Strict):
    """One car that could be sent."""

    candidate_id: CandidateId = Field(description="the app's own name of the car")
    origin: Place


class TaxiEtaRequest(PredictionRequest):
    """From one origin, or from many candidate cars, to one place at a time: how long?

    No origin may lie over 300 km from the destination, and no two candidates may have the same name.
    """

    model_config = _say_one_of({"origin": "object"}, {"candidates": "array"})

    destination: Place
    pickup_at: Timestamp = Field(
        description="when the ride begins, with zone or offset; from 2000 to 2099, in UTC",
        examples=["2026-07-01T08:30:00-04:00"],
    )
    origin: Place | None = Field(default=None, description="one origin; or send candidates")
    candidates: list[Candidate] | None = Field(default=None, min_length=1, max_length=MAX_CANDIDATES)
    time_zone: TimeZone = Field(default=DEFAULT_TIME_ZONE, description="the city's clock")
    rain_mm_per_h: Rain | None = None

    @model_validator(mode="after")
    def _ask_one_question(self) -> Self:
        if (self.origin is None) == (self.candidates is None):
            raise ValueError("send either origin or candidates")
        names = self.candidate_ids()
        if len(set(names)) != len(names):
            raise ValueError("two candidates have the same candidate_id")
        return self

    @model_validator(mode="after")
    def _stay_near(self) -> Self:
        latitude, longitude, _zone = self._origins
        to_latitude, to_longitude = (as_column([degrees]) for degrees in self.destination.position[:2])
        # Most lie within a degree, 157 km at the most; the others are measured.
        apart = np.abs(latitude - to_latitude).max(), np.abs(longitude - to_longitude).max()
        if (
            max(apart) > 1.0
            and (measure_haversine_m(latitude, longitude, to_latitude, to_longitude) > FARTHEST_M).any()
        ):
            raise ValueError(
                f"origin and destination lie over {FARTHEST_M / 1000:.0f} km apart; check the coordinates' order and "
                "signs"
            )
        return self

    @cached_property
    def _origins(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Latitude, longitude and zone of every origin."""
        origins = [candidate.origin for candidate in self.candidates] if self.candidates else [self.origin]
        return np.array([origin.position for origin in origins if origin is not None]).T

    def candidate_ids(self) -> Sequence[str | None]:
        """The cars' names, or a single None."""
        return [candidate.candidate_id for candidate in self.candidates] if self.candidates else [None]

    def to_columns(self) -> dict[str, Column]:
        """The input columns that features read; one row a candidate."""
        latitude, longitude, zone = self._origins
        rows = len(latitude)
        to_latitude, to_longitude, to_zone = self.destination.position
        pickup_at_s = np.full(rows, self.pickup_at.timestamp())
        return {
            "pickup_at_s": pickup_at_s,
            "pickup_wall_s": read_zone_clock(self.time_zone).to_wall_s(pickup_at_s),
            "origin_latitude": as_column(latitude),
            "origin_longitude": as_column(longitude),
            "destination_latitude": np.full(rows, to_latitude),
            "destination_longitude": np.full(rows, to_longitude),
            "origin_zone": as_column(zone),
            "destination_zone": np.full(rows, to_zone),
            "rain_mm_per_h": np.full(rows, np.nan if self.rain_mm_per_h is None else self.rain_mm_per_h),
        }


class Trip(_Strict):
    """A recorded trip: one row of the canonical CSV or Parquet file.

    Columns may stand in any order; optional ones may be absent; further ones are ignored.
    """

    pickup_at: AwareDatetime = Field(description="ISO 8601 with zone or offset")
    dropoff_at: AwareDatetime = Field(description="ISO 8601 with zone or offset")
    origin_latitude: float | None = None
    origin_longitude: float | None = None
    destination_latitude: float | None = None
    destination_longitude: float | None = None
    origin_zone: int | None = Field(default=None, description="NYC taxi zone, where there are no coordinates")
    destination_zone: int | None = Field(default=None, description="NYC taxi zone, where there are no coordinates")
    time_zone: str | None = Field(default=None, description=f"the city's clock; {DEFAULT_TIME_ZONE} when absent")
    rain_mm_per_h: float | None = None
