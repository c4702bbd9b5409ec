"""A day of a million joined predictions with twenty features: what the monitor makes of it, beside Evidently, NannyML.

The monitor reads the tables that compaction has written; the peers read the same day as one Parquet file, and the rows
of training that the monitor knows as a profile. Each runs in a process of its own, peers with packages of their own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.monitoring_day import FIRST, SLICES, USE_CASE
from noriba.monitoring.observations import TYPES
from noriba.records.observations import OUTCOMES, PREDICTIONS, ObservationTable, name_file
from noriba.training.profiles import profile_columns

ROWS, FEATURES, KNOWN = 1_000_000, 20, 200_000
HISTORIES = (1, 10, 100)
"""Days before."""
_HERE = Path(__file__).parent
_PEERS = {
    "evidently": ["evidently==0.7.23", "pandas<3", "numpy<2.3", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "pandas<3", "numpy<2.3", "scipy<1.16", "statsmodels", "pyarrow"],
}
_DAY_S = 86_400.0
_UV = Path(sys.executable).with_name("uv")


def run() -> None:
    """Print seconds and memory of each, and what one more hour costs after days of history."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_peers_files(folder)
        _write_days(folder)
        ours = _measure([sys.executable, "-m", "benchmarks.monitoring_day", scratch, "24"])
        print(f"  monitor    {ours['seconds']:8.2f} s, {ours['peak_mib']:6.0f} MiB, {ours['rows']:,} rows")
        for name, packages in _PEERS.items():
            python = _make_environment(folder / name, packages)
            theirs = _measure([str(python), str(_HERE / "peers" / f"{name}_report.py"), scratch])
            ratio = theirs["seconds"] / ours["seconds"]
            print(f"  {name:10} {theirs['seconds']:8.2f} s, {theirs['peak_mib']:6.0f} MiB, {ratio:.1f} × the monitor")
        for days in HISTORIES:
            _add_history(folder, days)
            hour = _measure([sys.executable, "-m", "benchmarks.monitoring_day", scratch, "1"])
            print(f"  one more hour after {days:3} days: {hour['seconds']:.2f} s, {hour['rows']:,} rows")


def _measure(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own commands
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _make_environment(folder: Path, packages: list[str]) -> Path:
    python = folder / "bin" / "python"
    for command in (
        [str(_UV), "venv", "-q", "--python", sys.executable, str(folder)],
        [str(_UV), "pip", "install", "-q", "--python", str(python), *packages],
    ):
        subprocess.run(command, check=True)  # noqa: S603  # our own commands
    return python


# --- the day ---------------------------------------------------------------------------------------------------------


def _draw(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    found = {f"feature_{number}": rng.normal(0, 1, rows) for number in range(FEATURES)}
    found["feature_0"][::50] = np.nan
    return found


def _write_peers_files(folder: Path) -> None:
    for name, rows, days, seed in (("reference", KNOWN, 40, 1), ("day", ROWS, 1, 2)):
        rng = np.random.default_rng(seed)
        features = _draw(rng, rows)
        seconds = np.sort(rng.uniform(0, days * _DAY_S, rows))
        if name == "reference":
            (folder / "profile.json").write_text(profile_columns(features, seconds).model_dump_json())
        prediction = rng.normal(900, 200, rows)
        at = np.datetime64(FIRST.replace(tzinfo=None), "us") + (seconds * 1e6).astype("timedelta64[us]")
        columns = {**features, "prediction": prediction, "target": prediction + rng.normal(0, 60, rows), "at": at}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def _write_days(folder: Path) -> None:
    day = pq.read_table(folder / "day.parquet")
    per_hour = ROWS // 24
    for number in range(24):
        hour = FIRST + timedelta(hours=number)
        rows = day.slice(number * per_hour, per_hour)
        ids = pa.array([f"{number:02d}{row:06d}-0000-4000-8000-000000000000" for row in range(per_hour)])
        at_us = np.int64(hour.timestamp() * 1e6) + np.linspace(0, 3.5e9, per_hour).astype(np.int64)
        value = rows["prediction"].to_numpy()
        names = [name for name in rows.column_names if name.startswith("feature_")]
        identities = [f"{name}@0{place:x}" for place, name in enumerate(names)]
        matrix = np.column_stack([rows[name].to_numpy() for name in names]).ravel()
        predictions = {
            "endpoint": ["noriba-taxi-eta"] * per_hour,
            "variant": ["v1"] * per_hour,
            "model_version": np.ones(per_hour, dtype=np.int32),
            "prediction_id": ids,
            "candidate_id": [None] * per_hour,
            "answered_at_us": at_us,
            "low": value - 75,
            "value": value,
            "high": value + 75,
            "claimed_coverage": np.full(per_hour, 0.8),
            "slices": _map(SLICES, np.tile(["day", "weekday"], per_hour), pa.string()),
            "features": _map(identities, pa.array(matrix, from_pandas=True), pa.float64()),
        }
        outcomes = {
            "prediction_id": ids,
            "candidate_id": [None] * per_hour,
            "value": rows["target"].to_numpy(),
            "observed_at_us": at_us,
            "reported_at_us": at_us,
        }
        for table, columns in ((PREDICTIONS, predictions), (OUTCOMES, outcomes)):
            path = folder / name_file(table, USE_CASE, hour)
            path.parent.mkdir(parents=True)
            pq.write_table(_type(table, columns), path, compression="zstd", compression_level=1)


def _map(keys: list[str], items: object, kind: pa.DataType) -> pa.Array:
    rows = len(items) // len(keys)  # type: ignore[arg-type]  # an array of either library
    ends = np.arange(rows + 1, dtype=np.int32) * len(keys)
    return pa.MapArray.from_arrays(pa.array(ends), pa.array(keys * rows), pa.array(items, kind))


def _type(table: ObservationTable, columns: dict[str, Any]) -> pa.Table:
    rows = len(columns["prediction_id"])
    arrays = [
        columns[name].cast(TYPES[kind])
        if isinstance(columns.get(name), pa.Array)
        else pa.array(columns.get(name, [None] * rows), TYPES[kind])
        for name, kind in table.columns.items()
    ]
    return pa.table(arrays, schema=pa.schema([(name, TYPES[kind]) for name, kind in table.columns.items()]))


def _add_history(folder: Path, days: int) -> None:
    """Copies of the day, so many days back; those that are there stay."""
    for table in (PREDICTIONS, OUTCOMES):
        for ago in range(1, days + 1):
            for number in range(24):
                hour = FIRST + timedelta(hours=number)
                path = folder / name_file(table, USE_CASE, hour - timedelta(days=ago))
                if not path.exists():
                    path.parent.mkdir(parents=True)
                    shutil.copy(folder / name_file(table, USE_CASE, FIRST), path)
