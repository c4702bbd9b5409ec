"""The predict function, warm: from an app's request to its answer, with validation, log and metrics.

Its endpoint is stubbed: it answers at once what a model's server really answered to this request. The peer is a plain
Powertools handler that computes features with pandas and predicts by itself.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.answering import ENVIRONMENT
from benchmarks.figures import Figure, pick_percentiles
from benchmarks.model import describe_tree, train_once
from benchmarks.serving import serve_bundle
from benchmarks.stub_aws import serve_stub
from benchmarks.turns import start_worker

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.turns import Worker

CANDIDATES = (1, 100, 500)
ROUNDS, ROUND_S = 3, 1.5
_REACH_US = {1: (120.0, 250.0), 500: (2_500.0, 5_000.0)}
_PLAIN, _STUBBED = "pandas + LightGBM", "endpoint stubbed"
_NOTES = {
    _STUBBED: "the whole handler, its endpoint answering at once; the peer predicts by itself, so what the "
    "endpoint does is in its number",
    "and the model": "the handler, and our model's server over a local connection in the endpoint's place; the peer "
    "does the same work in one process",
    "with the HTTP client": "the handler with the clients that it has on AWS, which sign, send and parse, against a "
    "stub of AWS in another process",
}


def run(trips: Path | None) -> list[Figure]:
    """Microseconds of an answer: median and p99."""
    trained = train_once(trips)
    figures: list[Figure] = []
    with ExitStack() as running:
        server = running.enter_context(serve_bundle(trained.base, workers=1))
        environment = {**describe_tree(trained.base), **ENVIRONMENT, "PLAIN_MODEL": "s3://models/plain"}
        aws = running.enter_context(serve_stub(server.port, trained.plain))
        ours, plain, asking = (
            running.enter_context(start_worker("benchmarks.answering", *words, environment={**environment, **more}))
            for words, more in ((("stubbed", str(server.port)), {}), (("plain",), aws), (("asking",), aws))
        )
        for candidates in CANDIDATES:
            figures += _measure(candidates, ours, asking, plain)
    return figures


def _measure(candidates: int, ours: Worker, asking: Worker, plain: Worker) -> list[Figure]:
    taken: dict[str, list[float]] = defaultdict(list)
    processor: dict[str, float] = defaultdict(float)
    turns: tuple[tuple[str, Worker, dict[str, bool]], ...] = (
        (_STUBBED, ours, {}),
        (_PLAIN, plain, {}),
        ("and the model", ours, {"sends_on": True}),
        ("with the HTTP client", asking, {}),
    )
    for _ in range(ROUNDS):
        for way, worker, words in turns:
            found = worker.ask(candidates=candidates, seconds=ROUND_S, **words)
            taken[way] += found["taken_s"]
            processor[way] += found["processor_s"]
    each = {way: seconds / len(taken[way]) * 1e6 for way, seconds in processor.items()}
    theirs = pick_percentiles(taken.pop(_PLAIN))
    title = f"function, {candidates} candidate{'s' * (candidates > 1)}"
    figures = []
    for way, samples in taken.items():
        p50_and_p99 = pick_percentiles(samples)
        reach = _REACH_US.get(candidates, (None, None)) if way == _STUBBED else (None, None)
        for place, percentile in enumerate(("p50", "p99")):
            figures.append(
                Figure(
                    f"{title}, {way}: {percentile}",
                    "µs",
                    p50_and_p99[place] * 1e6,
                    {_PLAIN: theirs[place] * 1e6},
                    reach=reach[place],
                    note=_NOTES[way],
                )
            )
        if way == _STUBBED:
            name = f"{title}, {way}: processor"
            figures.append(Figure(name, "µs", each[way], {_PLAIN: each[_PLAIN]}, note=_NOTES[way]))
    return figures
