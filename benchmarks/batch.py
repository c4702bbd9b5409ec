"""Many rows at once: features of raw rows, and three quantiles of each; beside pandas, LightGBM and compiled trees."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import pandas_features
from benchmarks.environments import run_peer
from benchmarks.figures import Figure
from benchmarks.model import load_boosters, simulate_trips, train_once, transform, transform_any
from noriba.features import as_column
from noriba.training.answering import Answerer
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from benchmarks.model import Trained
    from noriba.features import Columns
    from noriba.training.models import Predictor

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

TRANSFORMED, SCORED = 200_000, 100_000
RUNS = 3
_REACH_TRANSFORMED, _REACH_SCORED = 1_000_000.0, 250_000.0
_ALONE = 40
"""Rows whose answer alone is held against theirs in company."""
_TIME = "pickup_at_s"
_COMPILED = "lleaves, from 50 trees"


def run(trips: Path | None, *, peers: bool) -> list[Figure]:
    """Rows a second of each."""
    trained, use_case = train_once(trips), load_use_case("taxi_eta")
    answerer = Answerer.load(trained.bundle)
    answerer.compile()
    predictor = answerer.predictor
    raw = simulate_trips(TRANSFORMED)
    kept = transform(use_case, raw)
    _check_transform(raw, kept)
    names = kept.column_names
    columns = {name: as_column(kept[name].to_numpy()[:SCORED]) for name in names}
    _check_scores(predictor, columns)
    return [*_measure_transform(raw, kept), *_measure_scores(predictor, columns, trained, peers=peers)]


def _check_transform(raw: pa.Table, kept: pa.Table) -> None:
    """A row by itself becomes the same bits as among all others.

    Raises:
        RuntimeError: it does not.
    """
    use_case = load_use_case("taxi_eta")
    together = {name: kept[name].to_numpy() for name in kept.column_names}
    compared = 0
    for row in np.linspace(0, raw.num_rows - 1, _ALONE).astype(int).tolist():
        found = transform_any(use_case, raw.slice(row, 1))
        if found is None:
            continue
        alone = {name: found[name].to_numpy() for name in found.column_names}
        # Rides of one second are told apart by the rest.
        begin, end = (np.searchsorted(together[_TIME], alone[_TIME][0], side) for side in ("left", "right"))
        same = [
            all(values.tobytes() == together[name][place : place + 1].tobytes() for name, values in alone.items())
            for place in range(begin, end)
        ]
        if not any(same):
            raise RuntimeError(f"row {row} alone has other bits than in company")
        compared += 1
    if compared < _ALONE // 2:
        raise RuntimeError("too few of the rows to compare were kept")


def _check_scores(predictor: Predictor, columns: Columns) -> None:
    """A row by itself is answered by the same bits as among all others."""
    together = predictor.predict_features(columns)
    for row in np.linspace(0, SCORED - 1, _ALONE).astype(int).tolist():
        alone = predictor.predict_features({name: values[row : row + 1] for name, values in columns.items()})
        for name, values in vars(alone).items():
            if values.tobytes() != getattr(together, name)[row : row + 1].tobytes():
                raise RuntimeError(f"row {row} alone is answered otherwise than in company")


def _measure_transform(raw: pa.Table, kept: pa.Table) -> list[Figure]:
    use_case = load_use_case("taxi_eta")

    def plain() -> None:
        rows = pandas_features.keep_plausible(raw.to_pandas())
        rows.join(pandas_features.compute(rows))

    copied = np.zeros((raw.nbytes + kept.nbytes) // 8)
    taken = _time_in_turn(
        {
            "noriba": lambda: transform(use_case, raw),
            "pandas": plain,
            "a copy of the same bytes": lambda: np.copy(copied),
        }
    )
    rate = {name: TRANSFORMED / min(processor for _wall, processor in found) for name, found in taken.items()}
    note = (
        f"{TRANSFORMED:,} raw rows, read, validated with reasons and turned into features, by processor time; pandas "
        f"has one mask and the same features. Checked: {_ALONE} rows alone get the same bits"
    )
    return [
        Figure(
            "batch, transform",
            "rows/s of a core",
            rate["noriba"],
            {"pandas": rate["pandas"]},
            reach=_REACH_TRANSFORMED,
            more_is_better=True,
            note=note,
            limits={"a copy of the same bytes": rate["a copy of the same bytes"]},
        )
    ]


def _measure_scores(predictor: Predictor, columns: Columns, trained: Trained, *, peers: bool) -> list[Figure]:
    matrix, _names = predictor.tabulate(columns)
    boosters = load_boosters(trained)
    expected = np.sort([booster.predict(matrix[:_ALONE]) for booster in boosters], axis=0)[1]
    answered = predictor.predict_features({name: values[:_ALONE] for name, values in columns.items()}).value
    np.testing.assert_allclose(answered, np.exp(expected), rtol=1e-9)
    copied = np.zeros((SCORED, matrix.shape[1] + 3))
    taken = _time_in_turn(
        {
            "noriba": lambda: predictor.predict_features(columns),
            "Booster.predict": lambda: [booster.predict(matrix) for booster in boosters],
            "a copy of the same bytes": lambda: np.copy(copied),
        }
    )
    wall = {name: SCORED / min(seconds for seconds, _processor in found) for name, found in taken.items()}
    processor = {name: SCORED / min(seconds for _wall, seconds in found) for name, found in taken.items()}
    limit = wall.pop("a copy of the same bytes")
    del processor["a copy of the same bytes"]
    if peers:
        wall[_COMPILED], processor[_COMPILED] = _ask_lleaves(trained, matrix)
    note = (
        f"{SCORED:,} rows, three quantiles of {boosters[0].num_trees()} trees, on all cores; ours "
        f"encodes and calibrates besides. Checked: {_ALONE} rows alone get the same bits"
    )
    return [
        Figure(
            name,
            unit,
            rate["noriba"],
            {peer: found for peer, found in rate.items() if peer != "noriba"},
            reach=reach,
            more_is_better=True,
            note=note,
            limits=limits,
        )
        for name, unit, rate, reach, limits in (
            ("batch, three quantiles", "rows/s", wall, _REACH_SCORED, {"a copy of the same bytes": limit}),
            ("batch, three quantiles: of a core", "rows/s of a core", processor, None, {}),
        )
    ]


def _ask_lleaves(trained: Trained, matrix: Matrix) -> tuple[float, float]:
    """Rows a second of the same trees compiled by lleaves: on all cores, and of a core; a minute, the first time."""
    rows = trained.base / "rows.npy"
    np.save(rows, matrix)
    said = run_peer("lleaves_scores.py", str(trained.bundle), str(rows), str(trained.base / "lleaves"))
    wall_s, processor_s = map(float, said.split())
    return len(matrix) / wall_s, len(matrix) / processor_s


def _time_in_turn(ways: Mapping[str, Callable[[], object]]) -> dict[str, list[tuple[float, float]]]:
    """Seconds of the wall clock and of processors, of each run of each way: all once to warm up, then A B C A B C …."""
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for way in ways.values():
        way()
    for _ in range(RUNS):
        for name, way in ways.items():
            begun = time.perf_counter(), time.process_time()
            way()
            taken[name].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    return dict(taken)
