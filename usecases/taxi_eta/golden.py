"""Requests that any model must answer sensibly before it may serve, whatever it was trained on."""

_AIRPORT = {"zone_id": 132}
_HARLEM = {"zone_id": 74}
_MIDTOWN = {"zone_id": 161}

GOLDEN_REQUESTS: tuple[dict[str, object], ...] = (
    {"origin": _HARLEM, "destination": _MIDTOWN, "pickup_at": "2026-03-04T08:30:00-05:00"},
    {"origin": _HARLEM, "destination": _AIRPORT, "pickup_at": "2026-03-07T23:30:00-05:00"},
    # An hour that happens twice: the night in which summer time ends.
    {"origin": _HARLEM, "destination": _MIDTOWN, "pickup_at": "2026-11-01T01:30:00-04:00"},
    {
        "origin": {"latitude": 40.7580, "longitude": -73.9855},
        "destination": {"latitude": 40.7061, "longitude": -74.0087},
        "pickup_at": "2026-07-01T17:45:00-04:00",
        "rain_mm_per_h": 4.0,
    },
    # To where one already is: short, but never nothing.
    {"origin": _HARLEM, "destination": _HARLEM, "pickup_at": "2026-07-01T12:00:00-04:00"},
    {
        "candidates": [
            {"candidate_id": "near", "origin": {"zone_id": 75}},
            {"candidate_id": "far", "origin": {"zone_id": 23}},
        ],
        "destination": _HARLEM,
        "pickup_at": "2026-07-01T12:00:00-04:00",
    },
)
