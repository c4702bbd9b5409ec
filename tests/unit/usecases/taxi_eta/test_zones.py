"""The taxi zones of New York."""

from __future__ import annotations

import numpy as np
import pytest

from noriba.features import as_column
from usecases.taxi_eta.zones import UNKNOWN_BOROUGH, read_zone_table


def test_every_zone_from_1_to_263_has_a_place_in_or_near_the_city_and_a_borough() -> None:
    zones = as_column(range(1, 264))

    latitude, longitude = read_zone_table().locate(zones)
    boroughs = read_zone_table().name_borough(zones)

    assert ((latitude > 40.4) & (latitude < 41.0)).all()
    assert ((longitude > -74.4) & (longitude < -73.6)).all()
    assert set(boroughs.tolist()) == {"Bronx", "Brooklyn", "Manhattan", "Newark", "Queens", "Staten Island"}


@pytest.mark.parametrize("zone", [0, 264, 265, 1000, -1, 1.5, 1e300, np.nan, np.inf, -np.inf])
def test_what_is_not_a_zone_has_no_place(zone: float) -> None:
    latitude, longitude = read_zone_table().locate(as_column([zone]))

    assert np.isnan(latitude[0])
    assert np.isnan(longitude[0])
    assert read_zone_table().name_borough(as_column([zone]))[0] == UNKNOWN_BOROUGH


def test_known_zones_are_where_they_should_be() -> None:
    jfk, midtown = 132.0, 161.0

    latitude, longitude = read_zone_table().locate(as_column([jfk, midtown]))

    assert latitude.tolist() == pytest.approx([40.645, 40.758], abs=0.01)
    assert longitude.tolist() == pytest.approx([-73.79, -73.978], abs=0.01)
    assert read_zone_table().name_borough(as_column([jfk, midtown])).tolist() == ["Queens", "Manhattan"]
