"""One contract for both sides: a value is kept for training if and only if the API would take it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from noriba.datasets.validation import validate_rows
from noriba.features.clock import list_zones
from usecases.taxi_eta.rules import RULES
from usecases.taxi_eta.schema import DEFAULT_TIME_ZONE, TaxiEtaRequest
from usecases.taxi_eta.sources import CanonicalSource

if TYPE_CHECKING:
    from collections.abc import Mapping

# Long enough for the farthest ride at a car's speed; what takes longer than a shift is a fault of its own.
LASTS = timedelta(seconds=10_000)
HARLEM = (40.8042, -73.9371)

NUMBERS = st.floats() | st.sampled_from([-5.0, -0.0, 300.0, 300.0001, 1e300, float("inf"), float("-inf")])
NEAR = st.floats(-0.5, 0.5)
PLACES = st.one_of(
    st.tuples(NEAR.map(lambda shift: HARLEM[0] + shift), NEAR.map(lambda shift: HARLEM[1] + shift)),
    st.tuples(st.floats(), st.floats()),
    st.tuples(st.floats(-91, 91), st.floats(-181, 181)),
    st.integers(-3, 270) | st.integers(),
    # Half a place, beside a zone or alone; and a number that is no zone's.
    st.builds(
        lambda end, degrees, more: {end: degrees, **more},
        st.sampled_from(["latitude", "longitude"]),
        st.floats(-90, 90),
        st.sampled_from([{}, {"zone_id": 74}]),
    ),
    st.sampled_from(
        [{"zone_id": 74.5}, {"zone_id": 74.0}, {"latitude": float("inf"), "longitude": -73.9, "zone_id": 74}]
    ),
)
Place: TypeAlias = "tuple[float, float] | int | Mapping[str, float]"
NAMES = {"latitude": "latitude", "longitude": "longitude", "zone_id": "zone"}
OFFSETS = st.integers(-12 * 60, 12 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.one_of(
    st.datetimes(datetime(1901, 1, 1), datetime(2198, 1, 1), timezones=OFFSETS),  # noqa: DTZ001  # the offsets follow
    # On either side of the ends, in any offset.
    st.tuples(st.sampled_from([2000, 2100]), st.integers(-30 * 3600, 30 * 3600), OFFSETS).map(
        lambda parts: (datetime(parts[0], 1, 1, tzinfo=UTC) + timedelta(seconds=parts[1])).astimezone(parts[2])
    ),
)
CLOCKS = st.one_of(
    st.sampled_from(sorted(list_zones())),
    st.sampled_from(["posixrules", "localtime", "Factory", "right/UTC", "posix/UTC", "Mars/Olympus", "EST5EDT4", "US"]),
)


def write_place(place: Place) -> dict[str, Any]:
    """As a request has it."""
    if isinstance(place, int):
        return {"zone_id": place}
    return {"latitude": place[0], "longitude": place[1]} if isinstance(place, tuple) else dict(place)


def is_taken(request: dict[str, Any]) -> bool:
    """By the API, as JSON; what JSON cannot say (infinity) is written as most libraries do."""
    try:
        TaxiEtaRequest.model_validate_json(json.dumps(request))
    except ValidationError:
        return False
    return True


def is_kept(row: dict[str, Any]) -> bool:
    """For training, as one row of a canonical file."""
    table = pa.table({name: pa.array([value]) for name, value in row.items()})
    return bool(validate_rows(CanonicalSource().read(table, object_key="taxi_eta/a.parquet"), RULES).kept[0])


def write_row(pickup: datetime, ends: Mapping[str, Place], clock: str, rain: float | None) -> dict[str, Any]:
    """As a file has it."""
    row: dict[str, Any] = {"pickup_at": pickup.isoformat(), "dropoff_at": (pickup + LASTS).isoformat()}
    for end, place in ends.items():
        row |= {f"{end}_{NAMES[field]}": float(value) for field, value in write_place(place).items()}
    return {**row, "time_zone": clock, **({} if rain is None else {"rain_mm_per_h": rain})}


@example(datetime(2000, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), 74, 161, DEFAULT_TIME_ZONE, None)
@example(datetime(2099, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))), 74, 161, DEFAULT_TIME_ZONE, None)
@example(datetime(2026, 7, 1, tzinfo=UTC), (0.0, 0.0), (0.0, 180.0), DEFAULT_TIME_ZONE, None)
@example(datetime(2026, 7, 1, tzinfo=UTC), 74, 161, DEFAULT_TIME_ZONE, -5.0)
@example(datetime(2026, 7, 1, tzinfo=UTC), 74, 161, "posixrules", 0.0)
@example(datetime(2026, 7, 1, tzinfo=UTC), 10**30, 161, DEFAULT_TIME_ZONE, 0.0)
@example(datetime(2026, 7, 1, tzinfo=UTC), {"zone_id": 74.0}, {"zone_id": 161.0}, DEFAULT_TIME_ZONE, 0.0)
@example(datetime(2026, 7, 1, tzinfo=UTC), {"longitude": -73.9, "zone_id": 74}, 161, DEFAULT_TIME_ZONE, 0.0)
@example(
    datetime(2026, 7, 1, tzinfo=UTC),
    {"latitude": float("inf"), "longitude": -73.9, "zone_id": 74},
    161,
    DEFAULT_TIME_ZONE,
    0.0,
)
@given(MOMENTS, PLACES, PLACES, CLOCKS, st.none() | NUMBERS)
def test_what_is_kept_for_training_is_what_the_api_takes(
    pickup: datetime,
    origin: Place,
    destination: Place,
    clock: str,
    rain: float | None,
) -> None:
    """A file says by NaN that the rain is not known, a request by leaving it out."""
    rain = None if rain is not None and rain != rain else rain  # noqa: PLR0124  # NaN
    ends = {"origin": origin, "destination": destination}
    request = {end: write_place(place) for end, place in ends.items()}
    request |= {"pickup_at": pickup.isoformat(), "time_zone": clock}  # type: ignore[dict-item]
    request |= {} if rain is None else {"rain_mm_per_h": rain}  # type: ignore[dict-item]

    assert is_taken(request) == is_kept(write_row(pickup, ends, clock, rain))
