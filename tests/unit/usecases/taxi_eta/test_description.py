"""The description of a request, held against what the API takes: what one allows, the other does."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noriba.serving.openapi import describe_api
from noriba.usecase import load_use_case
from usecases.taxi_eta.schema import MAX_CANDIDATES, TaxiEtaRequest

LEFT_OUT = object()
HARLEM = {"latitude": 40.8042, "longitude": -73.9371}
# All in one city: how far ends may lie apart is told in words.
PLACES = st.sampled_from(
    [
        {"zone_id": 74},
        {"zone_id": 74.0},
        {"zone_id": 74, "latitude": None},
        HARLEM,
        {**HARLEM, "zone_id": None},
        {**HARLEM, "zone_id": 74},
        {**HARLEM, "name": "home"},
        {**HARLEM, "latitude": 90.1},
        {**HARLEM, "longitude": -180.1},
        {**HARLEM, "latitude": "40.8"},
        {**HARLEM, "latitude": True},
        {"latitude": 40.8},
        {"longitude": -73.9, "zone_id": 74},
        {"zone_id": 0},
        {"zone_id": 264},
        {"zone_id": 103},
        {"zone_id": 10**400},
        {"zone_id": 74.5},
        {"zone_id": "74"},
        {"zone_id": True},
        {},
        [],
        "Harlem",
    ]
)
MAYBE_A_PLACE = PLACES | st.sampled_from([None, LEFT_OUT])
NAMES = st.sampled_from(["a", "Ä" * 64, "", "a" * 65, None, 7, LEFT_OUT])


def leave_out(document: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that are left out."""
    return {name: value for name, value in document.items() if value is not LEFT_OUT}


def offer(origin: Any, count: int) -> list[dict[str, Any]]:
    """Cars with names of their own: that no two have the same is told in words."""
    return [{"candidate_id": f"car-{number}", "origin": origin} for number in range(count)]


CANDIDATES = st.one_of(
    st.sampled_from([None, LEFT_OUT, [], {}, [None]]),
    st.builds(offer, PLACES, st.sampled_from([1, 2, MAX_CANDIDATES, MAX_CANDIDATES + 1])),
    st.builds(lambda name, origin: [leave_out({"candidate_id": name, "origin": origin})], NAMES, MAYBE_A_PLACE),
)
REQUESTS = st.fixed_dictionaries(
    {
        "destination": MAYBE_A_PLACE,
        "pickup_at": st.sampled_from(
            [
                "2026-07-01T08:30:00-04:00",
                "2000-01-01T00:00:00Z",
                "2099-12-31T23:59:59.999Z",
                "1999-12-31T23:59:59Z",
                "2100-01-01T00:00:00Z",
                "2026-02-30T00:00:00Z",
                "2026-07-01T08:30:00",
                "2026-07-01",
                "1772000000",
                "now",
                1_772_000_000,
                None,
                LEFT_OUT,
            ]
        ),
        "origin": MAYBE_A_PLACE,
        "candidates": CANDIDATES,
        "time_zone": st.sampled_from(
            ["America/New_York", "UTC", "localtime", "Factory", "right/UTC", "", None, LEFT_OUT]
        ),
        "rain_mm_per_h": st.sampled_from([0, 300, 12.5, -0.1, 300.1, 10**400, "3", True, None, LEFT_OUT]),
        "colour": st.sampled_from([LEFT_OUT, LEFT_OUT, "yellow"]),
    }
).map(leave_out)
# Most made-up requests have several faults; these have one at most.
GOOD = {"destination": HARLEM, "pickup_at": "2026-07-01T08:30:00-04:00", "origin": {"zone_id": 74}}
NEARLY_GOOD = st.builds(
    lambda request, name: leave_out({**GOOD, name: request.get(name, LEFT_OUT)}),
    REQUESTS,
    st.sampled_from(["destination", "pickup_at", "origin", "candidates", "time_zone", "rain_mm_per_h", "colour"]),
) | st.builds(
    lambda request: leave_out({**GOOD, "origin": LEFT_OUT, "candidates": request.get("candidates", LEFT_OUT)}), REQUESTS
)


@pytest.fixture(scope="module")
def description() -> jsonschema.Draft202012Validator:
    document = json.loads(json.dumps(describe_api([load_use_case("taxi_eta")], version="1")))
    schema = {"$ref": "#/components/schemas/TaxiEtaRequest", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


@given(REQUESTS | NEARLY_GOOD)
def test_what_the_description_allows_is_what_the_api_takes(
    description: jsonschema.Draft202012Validator, request_: dict[str, Any]
) -> None:
    assert is_taken(request_) == description.is_valid(request_)


def is_taken(request: dict[str, Any]) -> bool:
    try:
        TaxiEtaRequest.model_validate_json(json.dumps(request))
    except ValidationError:
        return False
    return True
