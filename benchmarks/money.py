"""What answering costs by list prices: the deployed shape, an always-on pair of instances, and Lambda alone.

How long a function is billed is measured here: what the network inside AWS adds is not, and the deployed shape alone
waits for it. The pair is its instances and nothing else, neither a load balancer nor logs; captures and logs are left
out of all three.
"""

from __future__ import annotations

import math
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.answering import ENVIRONMENT
from benchmarks.figures import Figure
from benchmarks.model import describe_tree, list_requests, train_once
from benchmarks.serving import serve_bundle
from benchmarks.turns import start_worker
from noriba.costs import Installation, Traffic, estimate_costs, read_prices
from noriba.costs.estimate import HOURS
from noriba.serving.requests import convert_request, parse_body
from noriba.training.bundles import load_bundle
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from pathlib import Path

MONTHLY = (100_000, 1_000_000, 10_000_000, 100_000_000)
_MEASURED_S = 2.0
_ANSWERS = {
    "production endpoints",
    "cached snapshot of the predict function",
    "API requests",
    "functions that answer",
    "reads of the ledger",
}
"""Lines of the estimate that answering is made of."""
_MILLION = 1e6


@dataclass(frozen=True)
class Shape:
    """A way to answer: US dollars of a month, whoever asks, and of a million predictions."""

    month_usd: float
    million_usd: float

    def price(self, monthly: float) -> float:
        """US dollars of a million predictions, when there are so many in a month."""
        return self.million_usd + self.month_usd / monthly * _MILLION


def find_crossing(one: Shape, other: Shape) -> float | None:
    """Predictions in a month at which both cost the same; None where one is never dearer than the other."""
    fixed, each = one.month_usd - other.month_usd, (other.million_usd - one.million_usd) / _MILLION
    if each == 0 or fixed / each <= 0:
        return None
    return fixed / each


def run(trips: Path | None) -> list[Figure]:
    """US dollars of a million predictions by how many there are, and where shapes cost the same."""
    handler_ms, whole_ms, score_ms = _measure_ms(trips)
    deployed, pair, alone = describe_shapes(whole_ms=whole_ms, alone_ms=handler_ms + score_ms)
    prices = read_prices()
    note = (
        f"list prices of {prices.region} of {prices.as_of}; a function is billed for {math.ceil(whole_ms)} ms with the "
        f"endpoint's answer, and for {math.ceil(handler_ms + score_ms)} ms where it predicts by itself"
    )
    figures = [
        Figure(
            f"money, {monthly / _MILLION:g} million a month",
            "$ a million",
            deployed.price(monthly),
            {"always-on pair": pair.price(monthly), "Lambda alone, modelled": alone.price(monthly)},
            note=note,
        )
        for monthly in MONTHLY
    ]
    for name, other in (("the always-on pair", pair), ("Lambda alone", alone)):
        crossing = find_crossing(deployed, other)
        if crossing is None:
            cheaper = "the deployed shape" if deployed.price(_MILLION) < other.price(_MILLION) else name
            print(f"    beside {name}, {cheaper} is cheaper whatever the traffic", flush=True)
        else:
            figures.append(
                Figure(
                    f"money, as dear as {name} at",
                    "million a month",
                    crossing / _MILLION,
                    note=f"below, {'noriba' if deployed.month_usd < other.month_usd else name} is cheaper",
                )
            )
    return figures


def describe_shapes(*, whole_ms: float, alone_ms: float) -> tuple[Shape, Shape, Shape]:
    """The deployed shape, an always-on pair, and Lambda alone.

    Args:
        whole_ms: that a function takes which asks an endpoint.
        alone_ms: that a function takes which predicts by itself.
    """
    prices, installation = read_prices(), Installation()
    endpoints, snapshot, deployed_million = _estimate(whole_ms)
    _endpoints, _snapshot, alone_million = _estimate(alone_ms)
    instance = prices.of_instance(installation.production_instance)
    return (
        Shape(endpoints + snapshot, deployed_million),
        Shape(2 * HOURS * instance, 0.0),
        Shape(snapshot, alone_million),
    )


def _estimate(function_ms: float) -> tuple[float, float, float]:
    """US dollars of a month's endpoints, of its cached snapshot, and of what a million predictions add."""
    # Lambda bills whole milliseconds. https://aws.amazon.com/lambda/pricing/
    traffic = Traffic(predictions=_MILLION, outcomes_share=0.0, predict_ms=math.ceil(function_ms))
    lines = {line.what: line for line in estimate_costs(Installation(), traffic, read_prices()).lines}
    if missing := _ANSWERS - lines.keys():
        raise RuntimeError(f"the estimate has no line {', '.join(sorted(missing))} any more")
    by_use = sum(lines[name].month_usd for name in _ANSWERS if lines[name].by_use)
    return (
        lines["production endpoints"].month_usd,
        lines["cached snapshot of the predict function"].month_usd,
        by_use,
    )


def _measure_ms(trips: Path | None) -> tuple[float, float, float]:
    """The median of the handler with its endpoint stubbed, of it with the model's server, and of one row's scoring."""
    trained, use_case = train_once(trips), load_use_case("taxi_eta")
    with ExitStack() as running:
        server = running.enter_context(serve_bundle(trained.base, workers=1))
        environment = {**describe_tree(trained.base), **ENVIRONMENT}
        words = ("stubbed", str(server.port))
        worker = running.enter_context(start_worker("benchmarks.answering", *words, environment=environment))
        handler = worker.ask(candidates=1, seconds=_MEASURED_S)["taken_s"]
        whole = worker.ask(candidates=1, seconds=_MEASURED_S, sends_on=True)["taken_s"]
    predictor = load_bundle(trained.bundle)[0].load()
    requests = [parse_body(use_case.request, body) for body in list_requests(1)]
    columns = [convert_request(use_case, request).columns for request in requests]  # type: ignore[arg-type]  # its own
    taken: list[float] = []
    end_s = time.perf_counter() + _MEASURED_S
    while (begun_s := time.perf_counter()) < end_s:
        predictor.predict(columns[len(taken) % len(columns)])
        taken.append(time.perf_counter() - begun_s)
    return statistics.median(handler) * 1e3, statistics.median(whole) * 1e3, statistics.median(taken) * 1e3
