"""`python -m benchmarks`: every measurement, or those that are named.

python -m benchmarks transform conversion
python -m benchmarks load rollout       # a deployment must be up, with a model: noriba demo --keep
python -m benchmarks accuracy decision drift splits reasons --trips FOLDER  # TLC's green_tripdata_2023-01..07.parquet
python -m benchmarks months intervals variants stretching windows --trips FOLDER     # months of 2020, 2021 and 2023
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    accuracy,
    conversion,
    decision,
    drift,
    hostile,
    intervals,
    load,
    monitoring,
    months,
    observations,
    reasons,
    rollout,
    splits,
    stretching,
    training,
    transform,
    variants,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Callable


_NEED_A_DEPLOYMENT = {"load", "rollout"}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help="transform, conversion, training, hostile, observations, monitoring, load, rollout, accuracy, months, "
        "intervals, variants, decision, drift, splits, reasons, stretching, windows; all but load and rollout when "
        "left out",
    )
    parser.add_argument("--rows", type=int, default=200_000, help="rows to transform, and to train on (%(default)s)")
    parser.add_argument("--runs", type=int, default=2_000, help="rollouts to simulate, for decision (%(default)s)")
    parser.add_argument("--trips", type=Path, help="folder of real trips, for all from accuracy on")
    given = parser.parse_args()
    benchmarks: dict[str, Callable[[], None]] = {
        "transform": lambda: transform.run(given.rows),
        "conversion": conversion.run,
        "training": lambda: training.run(given.rows),
        "hostile": hostile.run,
        "observations": observations.run,
        "monitoring": monitoring.run,
        "load": load.run,
        "rollout": rollout.run,
        "accuracy": lambda: accuracy.run(given.trips),
        "months": lambda: months.run(given.trips),
        "intervals": lambda: intervals.run(given.trips),
        "variants": lambda: variants.run(given.trips),
        "decision": lambda: decision.run(given.trips, runs=given.runs),
        "drift": lambda: drift.run(given.trips),
        "splits": lambda: splits.run(given.trips),
        "reasons": lambda: reasons.run(given.trips),
        "stretching": lambda: stretching.run(given.trips),
        "windows": lambda: windows.run(given.trips),
    }
    if unknown := set(given.names) - benchmarks.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(benchmarks)}")
    for name in given.names or [name for name in benchmarks if name not in _NEED_A_DEPLOYMENT]:
        print(f"\n{name}")
        benchmarks[name]()


if __name__ == "__main__":
    main()
