"""What an input may be, for requests and for recorded trips alike: a model must not learn what it is never asked."""

from __future__ import annotations

from noriba.timestamps import EARLIEST, LATEST

LATITUDE = (-90.0, 90.0)
LONGITUDE = (-180.0, 180.0)
"""Degrees, WGS 84; both ends are places."""
RAIN_MM_PER_H = (0.0, 300.0)
"""The heaviest hour on record brought 305 mm: https://wmo.asu.edu/content/world-greatest-sixty-minute-one-hour-rainfall"""
FARTHEST_M = 300_000.0
"""Between the two ends of a ride, in a straight line."""
PICKUP_AT_S = (EARLIEST.timestamp(), LATEST.timestamp())
"""Seconds since 1970, the second one exclusive."""
ZONES = (1, 263)
"""The numbers of New York's taxi zones that have a place; a few between them have none."""
