"""A better challenger that is promoted through shadow and canary, and a worse one that is rejected.

The champion has seen a few thousand trips. The better challenger has seen ten times as many. The worse one has learned
from trips whose clock ran fast: its hold-out is of the same trips, so evaluation and gates find nothing; passengers
would.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from laptop.replay import replay
from laptop.steps import LIMIT_S, check_gates, land
from noriba.client import (
    Session,
    StepFailedError,
    approve_model,
    list_rollouts,
    read_looks,
    request_training,
    wait_for_answer,
    wait_for_candidate,
    wait_for_rollout,
)
from noriba.rollout.picture import Panel, draw_bounds
from noriba.usecase import load_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from laptop.demo import Walk
    from noriba.aws.registry import ModelPackage
    from noriba.client import Rollout
    from noriba.usecase import Observation

FIRST_ROWS = 6_000
"""Trips that the first champion has seen."""
REQUESTS_PER_S = 40.0
_SEED = 20_260_401
_LATER = date(2026, 3, 9)
_WEEK = timedelta(days=7)
_CLOCK = 1.5
"""How much faster than time the bad clock ran."""


@dataclass(frozen=True)
class Challenge:
    """One challenger: what it learned from, and what should become of it."""

    name: str
    rows: int
    clock: float
    promoted: bool


CHALLENGES = (
    Challenge("a better challenger", 60_000, 1.0, promoted=True),
    Challenge("a worse challenger", 90_000, _CLOCK, promoted=False),
)


def run_rollout_scenario(session: Session, walk: Walk, folder: Path, picture: Path) -> None:
    """Train, approve and roll out both; the report says what each stage found, the picture how the bounds closed."""
    found, panels = [], []
    for number, challenge in enumerate(CHALLENGES):
        with walk.phase(f"train {challenge.name}"):
            package = _train(session, challenge, number, walk, folder)
        with walk.phase(f"roll out {challenge.name}"):
            rollout = _roll_out(session, package, number, walk)
            promoted = rollout.status == "succeeded"
            found.append({**_report(rollout), "challenger": challenge.name})
            panels.append(_draw(session, challenge, rollout))
            walk.document["scenario"] = {"name": "rollout", "rollouts": found, "picture": str(picture)}
            picture.write_text(draw_bounds(panels), encoding="utf-8")
            if promoted is not challenge.promoted:
                raise StepFailedError(f"{challenge.name}: {rollout.status}: {rollout.failure}")


def _train(session: Session, challenge: Challenge, number: int, walk: Walk, folder: Path) -> ModelPackage:
    simulator = load_simulator(session.use_case_name)
    first_day = _LATER + number * 8 * _WEEK
    table = simulator.simulate(challenge.rows, seed=_SEED + number, first_day=first_day, days=56)
    files = simulator.write_files(_run_clock(table, challenge.clock), folder / challenge.name.replace(" ", "-"))
    land(session, files, walk.progress)
    # By itself, the next training would wait for the cooldown.
    decision = wait_for_answer(session, request_training(session, cause=challenge.name), limit_s=LIMIT_S)
    package = wait_for_candidate(session, decision, limit_s=LIMIT_S, progress=walk.progress)
    check_gates(package)
    return package


def _run_clock(table: pa.Table, pace: float) -> pa.Table:
    """The trips as a clock of that pace would have measured them."""
    lasted_us = pc.subtract(table["dropoff_at"].cast(pa.int64()), table["pickup_at"].cast(pa.int64()))
    measured_us = pc.cast(pc.multiply(lasted_us.cast(pa.float64()), pace), pa.int64(), safe=False)
    end = pc.add(table["pickup_at"].cast(pa.int64()), measured_us).cast(table["dropoff_at"].type)
    return table.set_column(table.schema.get_field_index("dropoff_at"), "dropoff_at", end)


def _roll_out(session: Session, package: ModelPackage, number: int, walk: Walk) -> Rollout:
    """Approve it while apps ask and report; every request must be answered."""
    over = threading.Event()
    approval = approve_model(session, package, note="approved by the demo")
    with ThreadPoolExecutor(1) as apps:
        traffic = apps.submit(replay, session, _observe(session, number), requests_per_s=REQUESTS_PER_S, over=over)
        try:
            wait_for_rollout(session, approval, limit_s=LIMIT_S, progress=walk.progress)
        except StepFailedError as error:
            walk.progress.update(str(error))
        finally:
            over.set()
        asked = traffic.result()
    walk.document["requests"] = walk.document.get("requests", 0) + asked.asked
    if asked.failed:
        raise StepFailedError(f"{len(asked.failed)} of {asked.asked} requests failed, the first with {asked.failed[0]}")
    return next(one for one in list_rollouts(session, most=5) if one.version == package.version)


def _observe(session: Session, number: int) -> Iterator[Observation]:
    """Trips of the weeks after, as they really went, over whole weeks again and again."""
    simulator = load_simulator(session.use_case_name)
    for turn in range(1_000):
        seed = _SEED + 100 + 10 * number + turn
        yield from simulator.observe(simulator.simulate(2_000, seed=seed, first_day=_LATER + 20 * _WEEK, days=7))


def _report(rollout: Rollout) -> dict[str, Any]:
    ends = [*(step.began_at for step in rollout.steps[1:]), rollout.ended_at]
    steps = []
    for step, end in zip(rollout.steps, ends, strict=True):
        verdict = step.verdict
        steps.append(
            {
                "name": step.stage if step.percent is None else f"{step.stage} {step.percent} %",
                "seconds": None if end is None else round((end - step.began_at).total_seconds(), 1),
                "n": None if verdict is None else verdict.outcomes,
                "estimate": None if verdict is None else verdict.estimate,
                "lower": None if verdict is None else verdict.lower,
                "upper": None if verdict is None else verdict.upper,
                "decision": None if verdict is None else verdict.decision,
                "reason": None if verdict is None else verdict.reason,
            }
        )
    outcome = "promoted" if rollout.status == "succeeded" else "rejected"
    return {"version": rollout.version, "outcome": outcome, "failure": rollout.failure, "steps": steps}


def _draw(session: Session, challenge: Challenge, rollout: Rollout) -> Panel:
    looks = read_looks(session, rollout.execution, "shadow")
    verdict = next((step.verdict for step in rollout.steps if step.stage == "shadow"), None)
    note = "" if verdict is None else f"{verdict.decision}: {verdict.reason}"
    title = f"{challenge.name.capitalize()}, version {rollout.version}"
    return Panel(title, note, looks, unit=session.use_case.answer.unit)
