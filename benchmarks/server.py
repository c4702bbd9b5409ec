"""The model's server: one connection, and eight at once; the peers answer the same three quantiles of the same trees.

Each server has two workers. A peer is given the matrix that the trees read; ours is given what the predict function
sends, and encodes, calibrates and doubts besides.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.figures import Figure, pick_percentiles
from benchmarks.model import list_requests, load_boosters, train_once
from benchmarks.peer_servers import PEERS, ask_peer, check_answer, start_peer
from benchmarks.serving import Asking, serve_bundle
from noriba.features import as_column
from noriba.records.packed import PACKED_TYPE, pack_columns, read_answer
from noriba.records.wanted import Wanted
from noriba.serving.requests import convert_request, parse_body
from noriba.training.bundles import load_bundle
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import lightgbm

    from benchmarks.serving import Server
    from noriba.training.models import Predictor

ROWS = (1, 100, 500)
WORKERS, CONNECTIONS = 2, 8
ROUNDS, ROUND_S = 3, 1.5
_REACH_MS = {1: 0.30, 100: 2.0, 500: 8.0}
_REACH_PER_S, _REACH_P99_MS = 8_000.0, 3.0


def run(trips: Path | None, *, peers: bool) -> list[Figure]:
    """Latency of one connection, and what eight at once get."""
    trained = train_once(trips)
    predictor, boosters = load_bundle(trained.bundle)[0].load(), load_boosters(trained)
    figures: list[Figure] = []
    if shutil.which("wrk") is None:
        print("    wrk is not here, so asyncio asks, at a higher cost; on Debian or Ubuntu: apt-get install wrk")
    with ExitStack() as running:
        servers = {"noriba": running.enter_context(serve_bundle(trained.base, workers=WORKERS))}
        for name in PEERS if peers else ():
            servers[name] = running.enter_context(start_peer(name, trained, workers=WORKERS))
        for rows in ROWS:
            asked = ask_as_predict_does(rows)
            askings = {"noriba": asked}
            for name in servers.keys() - {"noriba"}:
                askings[name] = ask_peer(
                    name, [read_matrix(predictor, rows, place) for place in range(len(asked.bodies))]
                )
            _check(servers, askings, predictor, boosters, rows)
            figures += _measure(servers, askings, rows)
    return figures


def ask_as_predict_does(rows: int) -> Asking:
    """What the predict function sends for requests with so many candidates."""
    use_case = load_use_case("taxi_eta")
    bodies = []
    for text in list_requests(rows):
        request = parse_body(use_case.request, text)
        converted = convert_request(use_case, request)  # type: ignore[arg-type]  # the use case's own request
        bodies.append(
            pack_columns(
                converted.columns,
                inputs=converted.inputs,
                candidate_ids=request.candidate_ids(),  # type: ignore[attr-defined]  # the use case's own request
                slices=converted.slices,
                wanted=Wanted(humility=use_case.policies.humility),
            )
        )
    return Asking("/invocations", PACKED_TYPE, tuple(bodies))


def read_matrix(predictor: Predictor, rows: int, place: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """What the trees read of a request."""
    use_case = load_use_case("taxi_eta")
    request = parse_body(use_case.request, list_requests(rows)[place])
    columns = convert_request(use_case, request).columns  # type: ignore[arg-type]  # the use case's own request
    matrix, _names = predictor.tabulate(predictor.pick({name: as_column(values) for name, values in columns.items()}))
    return matrix


def _check(
    servers: Mapping[str, Server],
    askings: Mapping[str, Asking],
    predictor: Predictor,
    boosters: Sequence[lightgbm.Booster],
    rows: int,
) -> None:
    """Every server answers what the trees say: a fast wrong answer is none."""
    for place in range(3):
        matrix = read_matrix(predictor, rows, place)
        expected = np.sort([booster.predict(matrix) for booster in boosters], axis=0).T
        for name, server in servers.items():
            answered = server.ask(askings[name], place)
            if name == "noriba":
                found = np.array(read_answer(answered).value)
                np.testing.assert_allclose(found, np.exp(expected[:, 1]), rtol=1e-9)
            else:
                check_answer(name, answered, expected)


def _measure(servers: Mapping[str, Server], askings: Mapping[str, Asking], rows: int) -> list[Figure]:
    taken: dict[str, list[float]] = defaultdict(list)
    processor: dict[str, float] = defaultdict(float)
    per_s: dict[str, list[float]] = defaultdict(list)
    p99_ms: dict[str, list[float]] = defaultdict(list)
    tool, failed = "", 0
    for _ in range(ROUNDS):
        for name, server in servers.items():
            before_s = server.read_processor_s()
            taken[name] += server.time_in_turn(askings[name], seconds=ROUND_S)
            processor[name] += server.read_processor_s() - before_s
        for name, server in servers.items():
            load = server.load(askings[name], connections=CONNECTIONS, seconds=ROUND_S)
            per_s[name].append(load.per_s)
            p99_ms[name].append(load.p99_s * 1e3)
            tool, failed = load.tool, failed + load.failed
    if failed:
        raise RuntimeError(f"{failed} requests of {rows} rows were not answered by 200")
    alone = {name: pick_percentiles(samples) for name, samples in taken.items()}
    together = {name: float(np.median(samples)) for name, samples in per_s.items()}
    late = {name: float(np.median(samples)) for name, samples in p99_ms.items()}
    words = f"{rows} row{'s' * (rows > 1)}"
    one = f"one connection, one request after another; two workers, {ROUNDS} rounds in turn"
    many = (
        f"{CONNECTIONS} connections by {tool} on the same machine, two workers, the median of {ROUNDS} rounds in turn"
    )

    def figure(what: str, unit: str, found: Mapping[str, float], note: str, **more: float | bool | None) -> Figure:
        theirs = {name: number for name, number in found.items() if name != "noriba"}
        return Figure(f"server, {words}: {what}", unit, found["noriba"], theirs, note=note, **more)  # type: ignore[arg-type]  # reach and more_is_better

    return [
        figure("alone p50", "ms", {n: p[0] * 1e3 for n, p in alone.items()}, one, reach=_REACH_MS[rows]),
        figure("alone p99", "ms", {n: p[1] * 1e3 for n, p in alone.items()}, one),
        figure("alone, processor", "ms", {n: s / len(taken[n]) * 1e3 for n, s in processor.items()}, one),
        figure("at once", "requests/s", together, many, reach=_REACH_PER_S if rows == 1 else None, more_is_better=True),
        figure("at once p99", "ms", late, many, reach=_REACH_P99_MS if rows == 1 else None),
    ]
