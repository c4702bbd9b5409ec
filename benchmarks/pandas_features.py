"""The peer: the features of taxi_eta as a data scientist would write them with pandas, column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from usecases.taxi_eta.holidays import number_holidays

_CITY = "America/New_York"
_RADIUS_M = 6_371_008.8
_HOLIDAYS = pd.to_datetime(number_holidays(2000, 2100), unit="D")


def compute(trips: pd.DataFrame) -> pd.DataFrame:
    """The same columns from the same inputs; `pickup_at` is a UTC time."""
    features = pd.DataFrame(index=trips.index)
    from_lat, to_lat = np.radians(trips["origin_latitude"]), np.radians(trips["destination_latitude"])
    half_lat = (to_lat - from_lat) / 2
    half_lon = np.radians(trips["destination_longitude"] - trips["origin_longitude"]) / 2
    chord = np.sin(half_lat) ** 2 + np.cos(from_lat) * np.cos(to_lat) * np.sin(half_lon) ** 2
    features["haversine_m"] = 2 * _RADIUS_M * np.arcsin(np.sqrt(chord))
    features["north_m"] = (to_lat - from_lat) * _RADIUS_M
    features["east_m"] = half_lon * 2 * _RADIUS_M * np.cos((from_lat + to_lat) / 2)
    features["manhattan_m"] = features["north_m"].abs() + features["east_m"].abs()
    features["bearing_degrees"] = np.degrees(np.arctan2(features["east_m"], features["north_m"])) % 360
    for end, name in (("origin", "origin"), ("destination", "destination")):
        features[f"{name}_lat"], features[f"{name}_lon"] = trips[f"{end}_latitude"], trips[f"{end}_longitude"]
        cell = np.floor((trips[f"{end}_latitude"] + 90) / 0.01) * 36_000
        features[f"{name}_area"] = 100_000 + cell + np.floor((trips[f"{end}_longitude"] + 180) / 0.01)
    features["middle_lat"] = (trips["origin_latitude"] + trips["destination_latitude"]) / 2
    features["middle_lon"] = (trips["origin_longitude"] + trips["destination_longitude"]) / 2
    wall: Any = trips["pickup_at"].dt.tz_convert(_CITY)
    features["hour_of_day"] = wall.dt.hour + wall.dt.minute / 60 + wall.dt.second / 3600
    features["hour_sine"] = np.sin(features["hour_of_day"] / 24 * 2 * np.pi)
    features["hour_cosine"] = np.cos(features["hour_of_day"] / 24 * 2 * np.pi)
    features["day_of_week"] = wall.dt.dayofweek
    features["hour_of_week"] = features["day_of_week"] * 24 + features["hour_of_day"]
    features["is_weekend"] = features["day_of_week"] >= 5  # noqa: PLR2004  # Saturday
    features["traffic_hour"] = features["is_weekend"] * 24 + wall.dt.hour
    day = wall.dt.tz_localize(None).dt.normalize()
    features["holiday"] = sum(
        kind * day.isin(_HOLIDAYS + pd.Timedelta(days=offset)) for kind, offset in ((1, -1), (2, 0), (3, 1))
    )
    features["rain"] = trips["rain_mm_per_h"]
    return features


def keep_plausible(trips: pd.DataFrame) -> pd.DataFrame:
    """The same rules, as a boolean mask."""
    duration = (trips["dropoff_at"] - trips["pickup_at"]).dt.total_seconds()
    on_earth = pd.Series(data=True, index=trips.index)
    for end in ("origin", "destination"):
        on_earth &= trips[f"{end}_latitude"].between(-90, 90) & trips[f"{end}_longitude"].between(-180, 180)
    return trips[duration.between(60, 10_800) & on_earth]
