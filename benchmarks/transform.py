"""Transform: raw rows validated, features computed, Parquet written, in one process; the peer is pandas."""

from __future__ import annotations

import io
from datetime import date

from benchmarks.clock import time_in_turn
from benchmarks.pandas_features import compute, keep_plausible
from noriba.datasets.parts import encode_parquet
from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.usecase import load_use_case
from usecases.taxi_eta.simulator import simulate

RUNS = 5


def run(rows: int) -> None:
    """Print rows a second, and the ratio to pandas over the same rows."""
    use_case = load_use_case("taxi_eta")
    table = simulate(rows, seed=1, first_day=date(2026, 1, 5), days=56)
    source = choose_source(load_sources(use_case), table.column_names)
    raw = RawRows.whole(table)

    def ours() -> None:
        done = transform_chunk(raw, source, use_case, object_key="trips.parquet")
        encode_parquet(done.kept)

    def theirs() -> None:
        trips = keep_plausible(table.to_pandas())
        trips.join(compute(trips)).to_parquet(io.BytesIO(), compression="zstd")

    pair = time_in_turn(ours, theirs, runs=RUNS)
    print(
        f"  noriba  {rows / min(pair.ours_s):>12,.0f} trips/s  (validated row by row with reasons, features, Parquet)"
    )
    print(f"  pandas  {rows / min(pair.theirs_s):>12,.0f} trips/s  (one mask, the same features, Parquet)")
    print(f"  ratio   {pair.ratio:>12.2f} × pandas")
