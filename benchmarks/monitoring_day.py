"""What MONITOR's functions do with a day of observations, in a process of its own. `python -m … FOLDER`."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from noriba.monitoring.assessment import assess_accuracy, assess_coverage
from noriba.monitoring.counts import Served, read_counts, state_counts
from noriba.monitoring.days import sum_days
from noriba.monitoring.drift import measure_drift
from noriba.monitoring.measurements import ErrorThresholds, read_measurements, state_measurements
from noriba.monitoring.missing import assess_missing_features
from noriba.monitoring.parts import measure_parts
from noriba.records.evidence import Evidence, Metrics
from noriba.records.measurements import HourMeasurement
from noriba.records.observations import TABLES
from noriba.records.profiles import Profile
from noriba.timestamps import from_microseconds
from noriba.usecase import MonitoringPolicy

if TYPE_CHECKING:
    from noriba.records.statements import Statement

USE_CASE, VERSION = "taxi_eta", 1
SLICES = ["part of day", "kind of day"]
FIRST = datetime(2026, 7, 1, tzinfo=UTC)
_TYPES = "{'use_case': VARCHAR, 'day': VARCHAR, 'hour': INTEGER}"


def main(folder: Path, since: datetime, until: datetime) -> None:
    """Print seconds and memory as JSON."""
    begin_s = time.perf_counter()
    profile = Profile.model_validate_json((folder / "profile.json").read_bytes())
    identities = [f"{name}@0{number:x}" for number, name in enumerate(profile.columns)]
    with duckdb.connect() as engine:
        for table in TABLES:
            # As Athena's projected partitions have it: other days are not even listed.
            days = sorted({f"day={at:%Y-%m-%d}" for at in (since, until - timedelta(hours=1))})
            files = [f"{folder}/{table.name}/*/{day}/**/*.parquet" for day in days]
            read = f"read_parquet({files}, hive_partitioning = true, hive_types = {_TYPES})"
            engine.execute(f"CREATE VIEW {table.name} AS SELECT * FROM {read}")  # noqa: S608  # our own words
        when: dict[str, Any] = {"since": since, "until": until}
        errors = state_measurements(USE_CASE, SLICES, ErrorThresholds(2000.0, 120.0), now=until, **when)
        versions = read_measurements(_ask(engine, errors), SLICES)
        asked = state_counts(profile, identities, Served(USE_CASE, VERSION), now=until, by_hour=True, **when)
        counts = {
            from_microseconds(int(row["hour_us"])): read_counts(row, profile, identities) for row in _ask(engine, asked)
        }
    hours = [
        HourMeasurement(
            hour=hour,
            versions=found,
            counts={VERSION: {name: tuple(some.tolist()) for name, some in counts[hour].items()}},
        )
        for hour, found in sorted(versions.items())
    ]
    policy, evidence = MonitoringPolicy(), _hold()
    measure_parts(hours, VERSION, evidence)
    assess_accuracy(hours, VERSION, evidence, policy)
    assess_coverage(hours, VERSION, policy)
    assess_missing_features(hours, VERSION, profile, policy)
    day = sum_days(hours, VERSION, profile)[FIRST.date()]
    drift = measure_drift(profile, day, alpha=0.05)
    spent_s = time.perf_counter() - begin_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": spent_s, "peak_mib": peak_mib, "rows": drift.rows}))


def _ask(engine: duckdb.DuckDBPyConnection, statement: Statement) -> list[dict[str, Any]]:
    found = engine.execute(statement.text, list(statement.values))
    names = [column[0] for column in found.description or ()]
    # As Athena gives them: every value as text.
    return [
        {name: None if v is None else str(v) for name, v in zip(names, row, strict=True)} for row in found.fetchall()
    ]


def _hold() -> Evidence:
    found = Metrics(rows=1000, mae=48.0, rmse=60.0, rmsle=1.0, coverage=0.8, mean_width=150.0)
    return Evidence(
        use_case=USE_CASE,
        snapshot_id="s",
        holdout_first_s=0.0,
        holdout_last_s=1.0,
        claimed_coverage=0.8,
        candidate=found,
        baseline=found,
        slices=(),
        latency_p95_ms=1.0,
        feature_fingerprint="f",
        bundle_digest="b",
        code_digest="c",
    )


if __name__ == "__main__":
    hours = int(sys.argv[2])
    end = FIRST + timedelta(days=1)
    main(Path(sys.argv[1]), end - timedelta(hours=hours), end)
