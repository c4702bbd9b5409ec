"""Made-up rides: what a scooter uses, from its kind, the ground, the mode, the load and the cold; and some luck."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from noriba.usecase import Observation
from usecases.scooter_energy.words import MODES, SCOOTERS, SURFACES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DAY_S = 86_400
_KWH_PER_KM = np.array([0.009, 0.012, 0.016])
_BY_SURFACE = np.array([1.0, 1.25, 1.4])
_BY_MODE = np.array([0.85, 1.0, 1.3])
_FAULT_SHARE = 0.01


def simulate(rows: int, *, seed: int, first_day: date, days: int) -> pa.Table:
    """Rides as `RideSource` reads them, ordered by time; equal arguments give equal tables.

    Args:
        rows: how many, a hundredth of them with an unreadable word.
        seed: not negative.
        first_day: in UTC.
        days: over how many days they are spread.
    """
    rng = np.random.default_rng(seed)
    first_s = datetime.combine(first_day, time(), UTC).timestamp()
    started_s = first_s + np.sort(rng.uniform(0, days * _DAY_S, rows))
    scooter, surface, mode = (rng.integers(0, 3, rows) for _ in range(3))
    distance_km = np.round(np.minimum(rng.gamma(2.5, 1.4, rows) + 0.2, 40.0), 2)
    rider_kg = np.round(rng.normal(76.0, 12.0, rows).clip(40.0, 140.0), 1)
    temperature_c = np.round(rng.normal(12.0, 8.0, rows).clip(-15.0, 38.0), 1)
    energy_kwh = (
        (distance_km + 0.1)
        * _KWH_PER_KM[scooter]
        * _BY_SURFACE[surface]
        * _BY_MODE[mode]
        * (1.0 + 0.004 * (rider_kg - 75.0))
        * (1.0 + 0.008 * np.maximum(20.0 - temperature_c, 0.0))
        * rng.lognormal(0.0, 0.12, rows)
    )
    surfaces = np.array(SURFACES.words, dtype=object)[surface]
    surfaces[rng.random(rows) < _FAULT_SHARE] = "water"
    return pa.table(
        {
            "started_at": pa.array((started_s * 1e6).astype(np.int64), pa.timestamp("us", tz="UTC")),
            "scooter": np.array(SCOOTERS.words)[scooter],
            "surface": pa.array(surfaces, pa.string()),
            "mode": np.array(MODES.words)[mode],
            "distance_km": distance_km,
            "rider_kg": rider_kg,
            "temperature_c": temperature_c,
            "energy_kwh": np.round(energy_kwh, 5),
        }
    )


def observe(table: pa.Table) -> Iterator[Observation]:
    """Rides as an app meets them, known when they begin; those on no known ground are left out."""
    for row in table.to_pylist():
        if row["surface"] in SURFACES.words:
            outcome = row.pop("energy_kwh")
            started_at = row["started_at"]
            yield Observation({**row, "started_at": started_at.isoformat()}, started_at, outcome, started_at)


def write_files(table: pa.Table, folder: Path) -> list[Path]:
    """The table as one CSV file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rides.csv"
    pa.csv.write_csv(table, path)
    return [path]
