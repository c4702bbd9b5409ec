"""`python -m benchmarks`: the figures that are held against a reach and against peers, or whatever is named.

python -m benchmarks                                # function, server, start, batch, scale, money: one table
python -m benchmarks server --no-peers              # one group, without what must be installed for it
python -m benchmarks --json FILE --markdown FILE    # the table for programs, and for docs/performance.md
python -m benchmarks transform conversion training hostile observations monitoring    # further claims, a line each
python -m benchmarks load rollout       # a deployment must be up, with a model: noriba demo --keep
python -m benchmarks accuracy decision drift splits reasons --trips FOLDER  # TLC's green_tripdata_2023-01..07.parquet
python -m benchmarks months intervals variants stretching windows --trips FOLDER     # months of 2020, 2021 and 2023
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    accuracy,
    batch,
    conversion,
    decision,
    drift,
    function,
    hostile,
    intervals,
    load,
    money,
    monitoring,
    months,
    observations,
    reasons,
    rollout,
    scale,
    server,
    shadows,
    splits,
    start,
    stretching,
    training,
    transform,
    variants,
    windows,
)
from benchmarks.figures import put_into_page, write_json, write_markdown, write_table
from benchmarks.machine import describe_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.figures import Figure


def main() -> None:
    """Run and print; ends with status 1 where a group could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="what to measure; the figures when left out")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--markdown", type=Path, help="write the table into this file, or between its marks")
    parser.add_argument("--no-peers", action="store_true", help="leave out the peers that have to be installed")
    parser.add_argument("--rows", type=int, default=200_000, help="rows to transform, and to train on (%(default)s)")
    parser.add_argument("--runs", type=int, default=2_000, help="rollouts to simulate, for decision (%(default)s)")
    parser.add_argument(
        "--trips", type=Path, help="folder of real trips: for all from accuracy on, and to train the figures' model on"
    )
    given = parser.parse_args()
    groups: dict[str, Callable[[], list[Figure]]] = {
        "function": lambda: function.run(given.trips),
        "server": lambda: server.run(given.trips, peers=not given.no_peers),
        "start": lambda: start.run(given.trips, peers=not given.no_peers),
        "batch": lambda: batch.run(given.trips, peers=not given.no_peers),
        "scale": lambda: scale.run(given.trips),
        "money": lambda: money.run(given.trips),
    }
    others: dict[str, Callable[[], None]] = {
        "transform": lambda: transform.run(given.rows),
        "conversion": conversion.run,
        "training": lambda: training.run(given.rows),
        "shadows": lambda: shadows.run(given.rows),
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
    if unknown := set(given.names) - groups.keys() - others.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join([*groups, *others])}")
    for name in given.names:
        if name in others:
            print(f"\n{name}")
            others[name]()
    wanted = [name for name in groups if name in given.names or not given.names]
    if wanted and not _tell_figures({name: groups[name] for name in wanted}, given.json, given.markdown):
        sys.exit(1)
    if not given.names:
        print(f"\nFurther claims, by name: make bench ARGS=NAME ({', '.join(others)}); --help says what they need.")


def _tell_figures(
    groups: Mapping[str, Callable[[], Sequence[Figure]]], json_file: Path | None, markdown_file: Path | None
) -> bool:
    """One table of all groups; whether each could be measured."""
    machine = describe_machine()
    print(machine.describe(), flush=True)
    if machine.load > machine.cores / 4:
        print("  this machine is busy: what is measured by the clock is too slow, and its p99 by far", flush=True)
    figures: list[Figure] = []
    whole = True
    for name, measure in groups.items():
        print(f"  {name} …", flush=True)
        begun_s = time.perf_counter()
        try:
            figures += measure()
        except Exception:  # noqa: BLE001  # what the other groups find is told all the same
            traceback.print_exc()
            print(f"  {name} could not be measured; --no-peers leaves out what has to be installed", flush=True)
            whole = False
        print(f"  {name}: {time.perf_counter() - begun_s:.0f} s", flush=True)
        # After each, so that who ends it early has what was found.
        if json_file is not None:
            json_file.write_text(write_json(figures, machine), encoding="utf-8")
        if markdown_file is not None:
            page = markdown_file.read_text(encoding="utf-8") if markdown_file.exists() else ""
            markdown_file.write_text(put_into_page(page, write_markdown(figures, machine)), encoding="utf-8")
    print(f"\n{write_table(figures)}")
    return whole


if __name__ == "__main__":
    main()
