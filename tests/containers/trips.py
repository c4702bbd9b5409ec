"""A small snapshot of made-up taxi trips, written by the code that writes real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noriba.datasets.parts import describe_part, encode_parquet
from noriba.datasets.snapshots import build_manifest
from noriba.features.clock import read_hour_of_day, read_zone_clock
from noriba.features.columns import take_rows
from noriba.features.geometry import measure_haversine_m
from noriba.records.snapshot import IngestedObject
from noriba.usecase import load_use_case
from usecases.taxi_eta.zones import read_zone_table

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Column
    from noriba.records.snapshot import Part, SnapshotManifest

PARTS = 3
FIRST_PICKUP_S = 1_767_571_200.0  # 2026-01-05T00:00:00Z, a Monday
TWO_WEEKS_S = 14 * 86_400.0


@dataclass(frozen=True)
class Snapshot:
    """A snapshot as two input channels: `snapshot` holds manifest.json, `parts` the parts that it names."""

    folder: Path
    manifest: SnapshotManifest

    def part(self, index: int) -> Path:
        """Where a part lies."""
        sha256 = self.manifest.parts[index].sha256
        return self.folder / "parts" / sha256[:2] / f"{sha256}.parquet"


def make_trips(rows: int) -> dict[str, Column]:
    """Inputs, label and features; slow zones, slower in the rush hours, and never quite the same."""
    rng = np.random.default_rng(20_260_105)
    table = read_zone_table()
    zones = np.flatnonzero(np.isfinite(table.latitude))[:40].astype(np.float64)
    slowness = rng.normal(0.0, 0.5, len(zones))
    pickup_at_s = FIRST_PICKUP_S + np.floor(np.sort(rng.uniform(0.0, TWO_WEEKS_S, rows)))
    starts, ends = rng.integers(0, len(zones), (2, rows))
    origin, destination = zones[starts], zones[ends]
    places = (*table.locate(origin), *table.locate(destination))
    wall_s = read_zone_clock("America/New_York").to_wall_s(pickup_at_s)
    rush = np.isin(np.floor(read_hour_of_day(wall_s)), (8, 9, 17, 18))
    speed_mps = np.where(rush, 4.0, 7.0) * np.exp(rng.normal(0.0, 0.2, rows) - slowness[starts] - slowness[ends])
    columns = {
        "pickup_at_s": pickup_at_s,
        "pickup_wall_s": wall_s,
        "origin_latitude": places[0],
        "origin_longitude": places[1],
        "destination_latitude": places[2],
        "destination_longitude": places[3],
        "origin_zone": origin,
        "destination_zone": destination,
        "rain_mm_per_h": np.where(rng.random(rows) < 0.8, np.nan, 2.0),
        "duration_s": np.clip((measure_haversine_m(*places) + 400.0) / speed_mps, 60.0, 10_800.0),
    }
    inputs = load_use_case("taxi_eta").complete(columns)
    return {**inputs, **load_use_case("taxi_eta").features.compute(inputs)}


def write_snapshot(folder: Path, *, rows: int) -> Snapshot:
    """A snapshot of several parts."""
    use_case = load_use_case("taxi_eta")
    trips = make_trips(rows)
    parts: list[Part] = []
    for piece in np.array_split(np.arange(rows), PARTS):
        table = pa.table(take_rows(trips, piece))
        content = encode_parquet(table)
        part = describe_part(table, content, use_case, version_id="v1")
        path = folder / "parts" / part.sha256[:2] / f"{part.sha256}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        parts.append(part)
    landed = IngestedObject(
        key="taxi_eta/trips.parquet",
        version_id="v1",
        sequencer="0A",
        source="made up",
        rows_read=rows,
        rows_kept=rows,
        rows_quarantined=0,
        reasons={},
        parts=tuple(parts),
    )
    manifest = build_manifest(use_case, [landed], bucket="datasets")
    (folder / "snapshot").mkdir()
    (folder / "snapshot/manifest.json").write_text(manifest.model_dump_json(indent=1))
    return Snapshot(folder, manifest)
