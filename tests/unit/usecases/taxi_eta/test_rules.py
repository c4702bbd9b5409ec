"""When a recorded trip may teach a model."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.sources import Reading
from noriba.datasets.validation import validate_rows
from noriba.features import as_column
from noriba.features.geometry import measure_haversine_m
from usecases.taxi_eta.rules import RULES

GOOD = {
    "pickup_at_s": datetime(2023, 5, 1, 12, tzinfo=UTC).timestamp(),
    "duration_s": 900.0,
    "origin_latitude": 40.7947,
    "origin_longitude": -73.9425,
    "destination_latitude": 40.7484,
    "destination_longitude": -73.9857,
    "rain_mm_per_h": 0.0,
}


def validate(**changes: float) -> set[str]:
    """The reasons against a good trip that was changed."""
    trip = {name: as_column([value]) for name, value in (GOOD | changes).items()}
    verdict = validate_rows(Reading(trip), RULES)
    assert verdict.kept[0] == (not verdict.broken)
    return set(verdict.broken)


def test_a_good_trip_is_kept() -> None:
    assert validate() == set()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pickup_at_s": np.nan}, "no_time"),
        ({"duration_s": np.nan}, "no_time"),
        ({"pickup_at_s": datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()}, "time_out_of_range"),
        ({"pickup_at_s": datetime(2100, 1, 1, tzinfo=UTC).timestamp()}, "time_out_of_range"),
        ({"duration_s": 0.0}, "ends_before_it_begins"),
        ({"duration_s": -900.0}, "ends_before_it_begins"),
        ({"duration_s": 59.9, "destination_latitude": 40.79, "destination_longitude": -73.94}, "too_short"),
        ({"duration_s": 10_800.5}, "too_long"),
        ({"origin_latitude": np.nan}, "no_origin"),
        ({"destination_latitude": np.nan}, "no_destination"),
        ({"destination_longitude": np.inf}, "no_destination"),
        ({"duration_s": 10_000.0, "destination_latitude": 43.6}, "too_far"),
        ({"duration_s": 100.0}, "too_fast"),
        ({"rain_mm_per_h": -5.0}, "rain_out_of_range"),
        ({"rain_mm_per_h": 301.0}, "rain_out_of_range"),
        ({"rain_mm_per_h": 1e300}, "rain_out_of_range"),
        ({"rain_mm_per_h": np.inf}, "rain_out_of_range"),
        ({"rain_mm_per_h": -np.inf}, "rain_out_of_range"),
    ],
)
def test_a_broken_trip_is_refused_for_its_one_reason(changes: dict[str, float], reason: str) -> None:
    assert validate(**changes) == {reason}


@pytest.mark.parametrize(("field", "value"), [("origin_longitude", 180.1), ("destination_latitude", -90.1)])
def test_a_place_off_the_earth_is_no_place(field: str, value: float) -> None:
    assert f"no_{field.partition('_')[0]}" in validate(**{field: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"pickup_at_s": datetime(2000, 1, 1, tzinfo=UTC).timestamp()},
        {"pickup_at_s": datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()},
        {"duration_s": 10_800.0},
        {"duration_s": 60.0, "destination_latitude": 40.79, "destination_longitude": -73.94},
        {"rain_mm_per_h": 300.0},
        {"rain_mm_per_h": np.nan},  # not known
        {"destination_latitude": GOOD["origin_latitude"], "destination_longitude": GOOD["origin_longitude"]},
    ],
)
def test_a_trip_on_the_edge_is_kept(changes: dict[str, float]) -> None:
    assert validate(**changes) == set()


def test_coordinates_in_the_wrong_order_are_off_the_earth_or_too_far() -> None:
    swapped = {"destination_latitude": -73.9857, "destination_longitude": 40.7484}

    assert "too_far" in validate(**swapped)


@given(st.fixed_dictionaries({name: st.floats() | st.just(value) for name, value in GOOD.items()}))
def test_whatever_is_kept_can_teach(values: dict[str, float]) -> None:
    trip = {name: as_column([value]) for name, value in values.items()}

    verdict = validate_rows(Reading(trip), RULES)

    if verdict.kept[0]:
        assert np.isfinite([value for name, value in values.items() if name != "rain_mm_per_h"]).all()
        assert not np.isinf(values["rain_mm_per_h"])
        assert 60 <= values["duration_s"] <= 10_800
        places = [trip[name] for name in list(GOOD)[2:6]]
        assert measure_haversine_m(*places)[0] / values["duration_s"] <= 50


def test_every_rule_says_what_to_do() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all("; " in rule.remedy or ", " in rule.remedy for rule in RULES)
