"""Recorded trips as an app would have asked about them: the TLC's and canonical ones alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.usecase import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.features import Columns

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def observe_rows(columns: Columns) -> Iterator[Observation]:
    """Trips in their order: asked at the pickup, known at the drop-off; n rows, n observations.

    The city's clock is New York's, as it is of a request that names none.
    """
    names = list(columns)
    for values in zip(*(columns[name].tolist() for name in names), strict=True):
        row = dict(zip(names, values, strict=True))
        pickup_at = _EPOCH + timedelta(seconds=row["pickup_at_s"])
        request = {
            "origin": _name_place(row, "origin"),
            "destination": _name_place(row, "destination"),
            "pickup_at": pickup_at.isoformat(),
            "rain_mm_per_h": None if np.isnan(row["rain_mm_per_h"]) else row["rain_mm_per_h"],
        }
        lasted_s = row["duration_s"]
        yield Observation(request, pickup_at, lasted_s, pickup_at + timedelta(seconds=lasted_s))


def _name_place(row: dict[str, float], end: str) -> dict[str, Any]:
    zone = row[f"{end}_zone"]
    if not np.isnan(zone):
        return {"zone_id": int(zone)}
    return {name: row[f"{end}_{name}"] for name in ("latitude", "longitude")}
