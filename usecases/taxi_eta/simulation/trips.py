"""Trips as columns, and how records of them break."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from noriba.features import Column
    from noriba.usecase import Mask


@dataclass(frozen=True)
class Trips:
    """Recorded trips, n rows; NaN is a value that was not recorded. Places in degrees, times in seconds since 1970."""

    pickup_at_s: Column
    dropoff_at_s: Column
    origin_latitude: Column
    origin_longitude: Column
    destination_latitude: Column
    destination_longitude: Column
    rain_mm_per_h: Column


def join_trips(parts: Sequence[Trips]) -> Trips:
    """All trips of the parts, in their order."""
    names = [field.name for field in fields(Trips)]
    return Trips(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def end_before_beginning(trips: Trips, rows: Mask) -> Trips:
    """As far before the pickup as it should be after."""
    return _set_duration(trips, rows, trips.pickup_at_s - trips.dropoff_at_s)


def cancel(trips: Trips, rows: Mask) -> Trips:
    """The passenger stepped out again."""
    return _set_duration(trips, rows, 20.0)


def leave_meter_running(trips: Trips, rows: Mask) -> Trips:
    """Until the next shift found it."""
    return _set_duration(trips, rows, 20.0 * 3600.0)


def forget_dropoff(trips: Trips, rows: Mask) -> Trips:
    """No drop-off time."""
    return replace(trips, dropoff_at_s=np.where(rows, np.nan, trips.dropoff_at_s))


def forget_destination(trips: Trips, rows: Mask) -> Trips:
    """No destination."""
    return _set_destination(trips, rows, np.nan)


def lose_position(trips: Trips, rows: Mask) -> Trips:
    """What a receiver without a fix reports: the Gulf of Guinea."""
    return _set_destination(trips, rows, 0.0)


def leave_earth(trips: Trips, rows: Mask) -> Trips:
    """A latitude that no place has."""
    return replace(trips, origin_latitude=np.where(rows, 123.0, trips.origin_latitude))


FAULTS: tuple[Callable[[Trips, Mask], Trips], ...] = (
    end_before_beginning,
    cancel,
    leave_meter_running,
    forget_dropoff,
    forget_destination,
    lose_position,
    leave_earth,
)


def break_trips(trips: Trips, generator: np.random.Generator, *, share: float) -> Trips:
    """Break that share of the trips, to the row, in all ways equally; each broken trip in one way."""
    rows = len(trips.pickup_at_s)
    broken = generator.permutation(rows)[: round(rows * share)]
    for number, break_some in enumerate(FAULTS):
        chosen = np.zeros(rows, dtype=np.bool_)
        chosen[broken[number :: len(FAULTS)]] = True
        trips = break_some(trips, chosen)
    return trips


def _set_duration(trips: Trips, rows: Mask, duration_s: Column | float) -> Trips:
    return replace(trips, dropoff_at_s=np.where(rows, trips.pickup_at_s + duration_s, trips.dropoff_at_s))


def _set_destination(trips: Trips, rows: Mask, degrees: float) -> Trips:
    return replace(
        trips,
        destination_latitude=np.where(rows, degrees, trips.destination_latitude),
        destination_longitude=np.where(rows, degrees, trips.destination_longitude),
    )
