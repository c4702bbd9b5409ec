"""The rollout's decision, by simulation: how often it is wrong, and how soon it is right.

Two models of one recipe, trained on different rows, answer the same later trips. Their errors are resampled in blocks
of time, centred for two equal models or shifted for a better or a worse one, and looked at after every fifty outcomes.
The peer is a t-test that is looked at as often.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from benchmarks.accuracy import JUDGED, TRAINED, fit_past, read_trips
from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.features import as_column
from noriba.features.columns import take_rows
from noriba.rollout.confidence import BLOCK_S, Blocks
from noriba.rollout.decision import Verdict, compare_paired
from noriba.training.hyperparameters import Hyperparameters
from noriba.usecase import ComparisonPolicy
from usecases.taxi_eta.simulator import simulate

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from noriba.features import Column
    from noriba.usecase import UseCase

LOOK = 50
MOST = 20_000
STRETCH_S = 6 * 3600.0
"""Errors are resampled in stretches so long: a jam, a storm, a night stay whole."""
SLICE = "part of day"
LITTLE = 0.003, 0.01
"""Differences that hardly any shadow can prove, as shares of the champion's error."""
SHADOWS = 900, 6_000
"""Outcomes of three days where few ask, and where more do."""


@dataclass(frozen=True)
class Pool:
    """Later trips, in order of time, as two models of one recipe answered them; all of shape (n,)."""

    times_s: Column
    champion: Column
    challenger: Column
    slices: NDArray[np.str_]


@dataclass(frozen=True)
class Ending:
    """How one rollout ended, after how many outcomes; and whether the t-test had ever spoken by then."""

    verdict: Verdict
    outcomes: int
    t_test_spoke: bool


def run(folder: Path | None, *, runs: int = 2_000) -> None:
    """Print the error rates, the power and how many outcomes it takes."""
    pool = _make_pool(folder)
    mae, spread = float(pool.champion.mean()), float((pool.challenger - pool.champion).std())
    print(f"  {len(pool.champion)} later trips; MAE {mae:.1f} s; paired differences spread by {spread:.1f} s")
    print(f"  {runs} rollouts each, looked at after every {LOOK} of up to {MOST} outcomes")
    for name, shift in (("equal", 0.0), ("3 % better", -0.03), ("10 % worse", 0.10)):
        _print(name, _simulate(pool, shift * mae, runs))
    print("  where a shadow's time is up and the lower error decides")
    for outcomes in SHADOWS:
        _print_settled(pool, mae, outcomes, runs)


def _print(name: str, endings: list[Ending]) -> None:
    def share(verdict: Verdict) -> float:
        return sum(ending.verdict is verdict for ending in endings) / len(endings)

    ended = [ending.outcomes for ending in endings if ending.verdict is not Verdict.CONTINUE]
    spoke = sum(ending.t_test_spoke for ending in endings) / len(endings)
    median = f"{np.median(ended):,.0f}" if ended else "–"
    print(
        f"  {name:12} promoted {share(Verdict.PROMOTE):6.1%}, rejected {share(Verdict.REJECT):6.1%}; "
        f"median outcomes {median}; a t-test at each look claims a difference in {spoke:.1%}"
    )


def _print_settled(pool: Pool, mae: float, outcomes: int, runs: int) -> None:
    found = np.array([_measure_difference(pool, outcomes, seed) for seed in range(runs)]) / mae
    for little in LITTLE:
        better, worse = float((found - little < 0).mean()), float((found + little < 0).mean())
        print(f"  {outcomes:6,} outcomes: {little:.1%} better promoted {better:.1%}, {little:.1%} worse {worse:.1%}")


def _measure_difference(pool: Pool, outcomes: int, seed: int) -> float:
    """The mean paired difference of two equal models, as one rollout sees it."""
    rows, _times_s = _resample(pool, np.random.default_rng(seed))
    differences = pool.challenger - pool.champion
    return float((differences - differences.mean())[rows[:outcomes]].mean())


def _make_pool(folder: Path | None) -> Pool:
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    past, future = _read_real(use_case, folder) if folder else _simulate_city(use_case)
    rows = len(past[use_case.data.label])
    halves = np.random.default_rng(1).permutation(rows)
    answers = []
    for half in (np.sort(halves[: rows // 2]), np.sort(halves[rows // 2 :])):
        table = take_rows(past, half)
        predictor = fit_past(use_case, settings, table)
        answers.append(np.abs(predictor.predict_features(future).value - future[use_case.data.label]))
    order = np.argsort(future[use_case.data.event_time], kind="stable")
    champion, challenger = (as_column(errors[order]) for errors in answers)
    labels = use_case.data.slices[SLICE](take_rows(future, order))
    return Pool(future[use_case.data.event_time][order], champion, challenger, np.asarray(labels, dtype=np.str_))


def _read_real(use_case: UseCase, folder: Path) -> tuple[dict[str, Column], dict[str, Column]]:
    past = read_trips(use_case, [folder / name for name in TRAINED])
    return past, read_trips(use_case, [folder / JUDGED])


def _simulate_city(use_case: UseCase) -> tuple[dict[str, Column], dict[str, Column]]:
    table = simulate(150_000, seed=1, first_day=date(2026, 1, 5), days=84)
    source = choose_source(load_sources(use_case), table.column_names)
    kept = transform_chunk(RawRows.whole(table), source, use_case, object_key="trips.parquet").kept
    assert kept is not None  # noqa: S101  # a city of nothing but faults is not simulated
    columns = {name: as_column(kept[name].to_numpy()) for name in kept.column_names if kept[name].type == "double"}
    order = np.argsort(columns[use_case.data.event_time], kind="stable")
    cut = len(order) * 2 // 3
    return take_rows(columns, order[:cut]), take_rows(columns, order[cut:])


def _simulate(pool: Pool, shift: float, runs: int) -> list[Ending]:
    # Not forked: the parent has threads of LightGBM's.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        return list(workers.map(partial(_roll_out, pool, shift), range(runs), chunksize=25))


def _roll_out(pool: Pool, shift: float, seed: int) -> Ending:
    """One rollout of a challenger whose true difference is `shift` seconds."""
    rows, times_s = _resample(pool, np.random.default_rng(seed))
    differences = pool.challenger - pool.champion
    differences = as_column((differences - differences.mean() + shift)[rows])
    errors, policy = np.cumsum(pool.champion[rows]), ComparisonPolicy()
    sums = {name: _Sums(times_s) for name in ("", *np.unique(pool.slices))}
    labels = pool.slices[rows]
    end = Ending(Verdict.CONTINUE, MOST, t_test_spoke=False)
    for begin in range(0, MOST, LOOK):
        look, n = slice(begin, begin + LOOK), begin + LOOK
        for name, summed in sums.items():
            summed.add(np.flatnonzero(labels[look] == name) + begin if name else np.arange(begin, n), differences)
        if n < policy.min_outcomes:
            continue
        slices = {name: summed.read() for name, summed in sums.items() if name}
        found = compare_paired(sums[""].read(), slices, champion_mae=errors[n - 1] / n, policy=policy)
        if found.verdict is not Verdict.CONTINUE:
            end = Ending(found.verdict, n, t_test_spoke=False)
            break
    return replace(end, t_test_spoke=_find_spoken(differences[: end.outcomes], policy))


def _find_spoken(differences: Column, policy: ComparisonPolicy) -> bool:
    """Whether a t-test was ever significant at a look."""
    looks = np.arange(LOOK, len(differences) + 1, LOOK)
    looks = looks[looks >= policy.min_outcomes]
    mean = np.cumsum(differences)[looks - 1] / looks
    variance = (np.cumsum(differences**2)[looks - 1] / looks - mean**2) * looks / (looks - 1)
    p_values = 2 * stats.t.sf(np.abs(mean) / np.sqrt(variance / looks), looks - 1)
    return bool((p_values < policy.alpha).any())


class _Sums:
    """Blocks that grow with every look."""

    def __init__(self, times_s: Column) -> None:
        self._starts, self._block = np.unique(np.floor(times_s / BLOCK_S) * BLOCK_S, return_inverse=True)
        self._sums = np.zeros((3, len(self._starts)))

    def add(self, rows: NDArray[np.intp], differences: Column) -> None:
        block, values = self._block[rows], differences[rows]
        for kind, weights in enumerate((np.ones_like(values), values, values**2)):
            np.add.at(self._sums[kind], block, weights)

    def read(self) -> Blocks:
        held = self._sums[0] > 0
        return Blocks(self._starts[held], *self._sums[:, held])


def _resample(pool: Pool, random: np.random.Generator) -> tuple[NDArray[np.intp], Column]:
    """Stretches of the trips, drawn with replacement and put one after another."""
    rows, times, after_s = [], [], 0.0
    count = 0
    while count < MOST:
        begin = random.uniform(pool.times_s[0], pool.times_s[-1] - STRETCH_S)
        # Whole blocks, so that none is torn at a seam.
        begin -= begin % BLOCK_S
        stretch = np.arange(*np.searchsorted(pool.times_s, (begin, begin + STRETCH_S)))
        rows.append(stretch)
        times.append(pool.times_s[stretch] - begin + after_s)
        after_s += STRETCH_S
        count += len(stretch)
    return np.concatenate(rows)[:MOST], as_column(np.concatenate(times)[:MOST])
