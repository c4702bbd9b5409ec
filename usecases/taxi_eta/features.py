"""What a model may know when the passenger asks: where from, where to, when, and the weather.

Never the metered distance, the fare or the drop-off time: they are known only after the ride. Nor the day of the year:
tomorrow's was never seen in training, and trees then answer as on the last days they saw (17 s of MAE on real trips).
Inputs: places in degrees (WGS 84), `pickup_at_s` in seconds since 1970 UTC, `pickup_wall_s` the same moment on the
city's clock, zones by number (NaN where the app sent coordinates), rain in millimetres an hour (NaN when not known),
and the means of `live`, which no request brings (NaN when not known).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features import FeatureSet
from noriba.features.clock import DAY_S, read_day_of_week, read_hour_of_day
from noriba.features.geometry import measure_east_m, measure_haversine_m, measure_north_m
from usecases.taxi_eta.holidays import number_holidays
from usecases.taxi_eta.live import LIVE

if TYPE_CHECKING:
    from noriba.features import Column

INPUTS = (
    "pickup_at_s",
    "pickup_wall_s",
    "origin_latitude",
    "origin_longitude",
    "destination_latitude",
    "destination_longitude",
    "origin_zone",
    "destination_zone",
    "rain_mm_per_h",
)
"""What requests and recorded trips bring."""

CELL_DEGREES = 0.01
"""Side of a grid cell for places that are not zones: about a kilometre."""

CELLS_PER_CIRCLE = 36_000.0
FIRST_CELL = 100_000.0
"""Cells are numbered from here on, out of the way of zone numbers."""

HOLIDAYS = number_holidays(2000, 2100)
"""Of every year that a pickup may be in, days since 1970: a table, since a request has no time for a calendar."""

FULL_CIRCLE = 2.0 * float(np.pi)
SATURDAY = 5.0


def number_area(zone: Column, latitude: Column, longitude: Column) -> Column:
    """The zone where there is one, else the number of the grid cell: a key for what was learned about a place."""
    row = np.floor((latitude + 90.0) / CELL_DEGREES)
    cell = FIRST_CELL + row * CELLS_PER_CIRCLE + np.floor((longitude + 180.0) / CELL_DEGREES)
    return np.where(np.isnan(zone), cell, zone)


# --- where -----------------------------------------------------------------------------------------------------------


def haversine_m(
    origin_latitude: Column, origin_longitude: Column, destination_latitude: Column, destination_longitude: Column
) -> Column:
    """Straight-line distance."""
    return measure_haversine_m(origin_latitude, origin_longitude, destination_latitude, destination_longitude)


def north_m(origin_latitude: Column, destination_latitude: Column) -> Column:
    """Metres towards north."""
    return measure_north_m(origin_latitude, destination_latitude)


def east_m(
    origin_latitude: Column, origin_longitude: Column, destination_latitude: Column, destination_longitude: Column
) -> Column:
    """Metres towards east."""
    return measure_east_m(origin_latitude, origin_longitude, destination_latitude, destination_longitude)


def manhattan_m(north_m: Column, east_m: Column) -> Column:
    """Length along a north-south, east-west street grid."""
    return np.abs(north_m) + np.abs(east_m)


def bearing_degrees(north_m: Column, east_m: Column) -> Column:
    """Direction of travel, clockwise from north; NaN when origin and destination are one place."""
    moves = (north_m != 0.0) | (east_m != 0.0)
    return np.where(moves, np.degrees(np.arctan2(east_m, north_m)) % 360.0, np.nan)


def origin_lat(origin_latitude: Column) -> Column:
    """Where the ride begins."""
    return origin_latitude


def origin_lon(origin_longitude: Column) -> Column:
    """Where the ride begins."""
    return origin_longitude


def destination_lat(destination_latitude: Column) -> Column:
    """Where the ride ends."""
    return destination_latitude


def destination_lon(destination_longitude: Column) -> Column:
    """Where the ride ends."""
    return destination_longitude


def middle_lat(origin_latitude: Column, destination_latitude: Column) -> Column:
    """What lies between: bridges and centres slow the rides that cross them."""
    return (origin_latitude + destination_latitude) / 2.0


def middle_lon(origin_longitude: Column, destination_longitude: Column) -> Column:
    """What lies between."""
    return (origin_longitude + destination_longitude) / 2.0


def origin_area(origin_zone: Column, origin_latitude: Column, origin_longitude: Column) -> Column:
    """Key of the place where the ride begins."""
    return number_area(origin_zone, origin_latitude, origin_longitude)


def destination_area(destination_zone: Column, destination_latitude: Column, destination_longitude: Column) -> Column:
    """Key of the place where the ride ends."""
    return number_area(destination_zone, destination_latitude, destination_longitude)


# --- when ------------------------------------------------------------------------------------------------------------


def hour_of_day(pickup_wall_s: Column) -> Column:
    """Hours since midnight on the city's clock."""
    return read_hour_of_day(pickup_wall_s)


def hour_sine(hour_of_day: Column) -> Column:
    """With the cosine, a clock face: 23:59 stands beside 00:00."""
    return np.sin(hour_of_day / 24.0 * FULL_CIRCLE)


def hour_cosine(hour_of_day: Column) -> Column:
    """See `hour_sine`."""
    return np.cos(hour_of_day / 24.0 * FULL_CIRCLE)


def day_of_week(pickup_wall_s: Column) -> Column:
    """Monday 0 to Sunday 6."""
    return read_day_of_week(pickup_wall_s)


def hour_of_week(day_of_week: Column, hour_of_day: Column) -> Column:
    """Hours since Monday's midnight."""
    return day_of_week * 24.0 + hour_of_day


def is_weekend(day_of_week: Column) -> Column:
    """1 on Saturday and Sunday."""
    return np.where(np.isnan(day_of_week), np.nan, day_of_week >= SATURDAY)


def traffic_hour(is_weekend: Column, hour_of_day: Column) -> Column:
    """Whole hour of a weekday (0 to 23) or of a weekend day (24 to 47): a key for what was learned about an hour."""
    return is_weekend * 24.0 + np.floor(hour_of_day)


def holiday(pickup_wall_s: Column) -> Column:
    """1 on the eve of a holiday, 2 on the day, 3 on the day after; 0 on others. No two are so near that they meet."""
    day = np.floor(pickup_wall_s / DAY_S)
    # The first holiday that is not over since the day before.
    nearest = HOLIDAYS[np.minimum(np.searchsorted(HOLIDAYS, day - 1.0), len(HOLIDAYS) - 1)]
    after = day - nearest
    return np.where(np.isnan(day), np.nan, np.where(np.abs(after) <= 1.0, after + 2.0, 0.0))


# --- the last hours ---------------------------------------------------------------------------------------------------


def city_pace_20_min(live_city_20_min: Column) -> Column:
    """How slow the city is at this moment, in seconds a metre."""
    return np.exp(live_city_20_min)


def city_pace_1_h(live_city_1_h: Column) -> Column:
    """How slow it has been for an hour or two."""
    return np.exp(live_city_1_h)


def city_pace_6_h(live_city_6_h: Column) -> Column:
    """How slow it has been for the part of a day."""
    return np.exp(live_city_6_h)


# --- weather ---------------------------------------------------------------------------------------------------------


def rain(rain_mm_per_h: Column) -> Column:
    """Rain at the time of the request."""
    return rain_mm_per_h


FEATURES = FeatureSet(
    [
        haversine_m,
        north_m,
        east_m,
        manhattan_m,
        bearing_degrees,
        origin_lat,
        origin_lon,
        destination_lat,
        destination_lon,
        middle_lat,
        middle_lon,
        origin_area,
        destination_area,
        hour_of_day,
        hour_sine,
        hour_cosine,
        day_of_week,
        hour_of_week,
        is_weekend,
        traffic_hour,
        holiday,
        rain,
        city_pace_20_min,
        city_pace_1_h,
        city_pace_6_h,
    ],
    inputs=(*INPUTS, *LIVE.names),
)
