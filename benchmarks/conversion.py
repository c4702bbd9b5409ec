"""Conversion: one request into named feature columns, as the predict function does it; the peer is pandas."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.clock import time_in_turn
from benchmarks.pandas_features import compute
from noriba.records.inference import encode_columns
from noriba.records.live import LiveState
from noriba.serving.live_inputs import read_live_inputs
from noriba.serving.requests import convert_request, parse_body
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.usecase import UseCase

CALLS = 300
RUNS = 5


def run() -> None:
    """Print microseconds a request, and the ratio to pandas."""
    use_case = load_use_case("taxi_eta")
    place = {"latitude": 40.758, "longitude": -73.9855}
    document = {
        "origin": place,
        "destination": {"latitude": 40.7061, "longitude": -74.0087},
        "pickup_at": "2026-07-01T17:45:00-04:00",
    }
    body = json.dumps(document)

    def ours() -> None:
        for _ in range(CALLS):
            request = parse_body(use_case.request, body)
            converted = convert_request(use_case, request)  # type: ignore[arg-type]  # the use case's own request
            encode_columns(converted.columns, inputs=converted.inputs, slices=converted.slices)

    def theirs() -> None:
        for _ in range(CALLS):
            given = json.loads(body)
            row = {f"{end}_{name}": value for end in ("origin", "destination") for name, value in given[end].items()}
            row |= {"pickup_at": pd.Timestamp(given["pickup_at"]).tz_convert("UTC"), "rain_mm_per_h": float("nan")}
            compute(pd.DataFrame([row])).to_json(orient="split")

    pair = time_in_turn(ours, theirs, runs=RUNS)
    print(f"  noriba  {min(pair.ours_s) / CALLS * 1e6:>10,.0f} µs a request  (checked, converted, written as JSON)")
    print(
        f"  pandas  {min(pair.theirs_s) / CALLS * 1e6:>10,.0f} µs a request  (not checked, converted, written as JSON)"
    )
    print(f"  ratio   {pair.ratio:>10.1f} × pandas")
    print(f"  means   {_time_live_means(use_case, document):>10.1f} µs of it where the last hours are known")


def _time_live_means(use_case: UseCase, document: Mapping[str, object]) -> float:
    """What it takes to read the live means of one row, in µs of the processor's time."""
    spec, columns = use_case.live, use_case.request.model_validate(document).to_columns()
    if spec is None:
        return 0.0
    state = LiveState(spec)
    state.add(float(columns[use_case.data.event_time][0]) - 60.0, [()] * len(spec.means), -1.0)
    best_s = math.inf
    for _ in range(RUNS):
        begun_s = time.process_time()
        for _ in range(CALLS):
            read_live_inputs(use_case, spec, state, columns)
        best_s = min(best_s, time.process_time() - begun_s)
    return best_s / CALLS * 1e6
