"""A fault, let happen: what became of the rollout, and whether that is what must become of it."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from laptop.faults.scene import TIDY_LIMIT_S, Scene, begin_rollout
from noriba.client import StepFailedError, list_rollouts
from noriba.usecase import load_simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from laptop.faults.catalogue import Fault
    from laptop.faults.challengers import Workshop
    from laptop.recorder import BusRecorder
    from laptop_cloud.process import RunningCloud
    from noriba.client import Rollout
    from noriba.usecase import Observation


@dataclass(frozen=True)
class Ending:
    """How a rollout with a fault ended.

    Attributes:
        name: of the fault.
        ended: `champion` or `promoted`: who serves.
        stage: the last that it entered.
        cause: as its record has it.
        seconds: from its beginning until nothing was left of it.
        requests: of apps meanwhile.
        failed: of these.
        left_over: what is there and should not be.
        wrong: what is otherwise than it must be, in words; empty when the rollout has survived the fault.
    """

    name: str
    ended: str
    stage: str
    cause: str
    seconds: float
    requests: int
    failed: int
    left_over: tuple[str, ...]
    wrong: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class ProvingGround:
    """Where faults happen.

    Attributes:
        workshop: makes challengers.
        cloud: the laptop cloud.
        state_dir: of it.
        bus: what was said.
        observations: rides that apps ask about.
    """

    workshop: Workshop
    cloud: RunningCloud
    state_dir: Path
    bus: BusRecorder
    observations: Sequence[Observation]

    def let_happen(self, fault: Fault) -> Ending:
        """Roll a challenger out, let the fault happen, and look what is left."""
        session = self.workshop.session
        package = fault.make(self.workshop)
        begun_s = time.monotonic()
        execution = begin_rollout(session, package, fault.plan)
        scene = Scene(session, self.cloud, package, execution, self.observations)
        wrong = []
        with scene.ask_meanwhile():
            try:
                fault.happen(scene, self.state_dir)
                scene.await_end()
            except StepFailedError as error:
                wrong.append(str(error))
            left = self._await_tidy(scene)
        seconds = round(time.monotonic() - begun_s, 1)
        rollout = next(one for one in list_rollouts(session) if one.execution == execution)
        champion = session.ledger.read_champion()
        promoted = champion is not None and champion.model_package_arn == package.arn
        failed = [reason for asked in scene.asked for reason in asked.failed]
        if failed:
            wrong.append(f"{len(failed)} requests failed, the first with {failed[0]}")
        if promoted is not fault.promoted:
            wrong.append("the challenger serves" if promoted else "the challenger does not serve")
        return Ending(
            name=fault.name,
            ended="promoted" if promoted else "champion",
            stage=rollout.steps[-1].stage if rollout.steps else "",
            cause=rollout.failure or "",
            seconds=seconds,
            requests=sum(asked.asked for asked in scene.asked),
            failed=len(failed),
            left_over=tuple(left),
            wrong=(*wrong, *left, *_check_record(fault, rollout), *self._check_event(fault, rollout)),
        )

    def _await_tidy(self, scene: Scene) -> list[str]:
        try:
            scene.eventually(lambda: not scene.find_left_over(), "order", within_s=TIDY_LIMIT_S)
        except StepFailedError:
            return scene.find_left_over()
        return []

    def _check_event(self, fault: Fault, rollout: Rollout) -> list[str]:
        """What is otherwise than it must be on the bus: the record's words, and no document that nobody can read."""
        if fault.promoted:
            completed = self.bus.find("RolloutCompleted", model_package_arn=rollout.model_package_arn)
            return [] if completed else ["no RolloutCompleted on the bus"]
        told = self.bus.find("RolledBack", model_package_arn=rollout.model_package_arn)
        said = f"{told[-1]['error']}: {told[-1]['reason']}" if told else "nothing"
        return [] if said == rollout.failure else [f"the bus was told {said}"]


def _check_record(fault: Fault, rollout: Rollout) -> list[str]:
    """What is otherwise than it must be in `noriba rollout history`."""
    last = rollout.steps[-1] if rollout.steps else None
    wrong = []
    if last is None or last.stage != fault.stage:
        wrong.append(f"it must end in {fault.stage}")
    if not re.match(fault.cause, rollout.failure or "", re.DOTALL):
        wrong.append(f"the record does not say {fault.cause}")
    counted = None if last is None or last.verdict is None else last.verdict.outcomes
    if fault.compared not in (None, counted):
        wrong.append(f"{counted} outcomes were counted, {fault.compared} there were")
    return wrong


def observe_rides(use_case: str, rides: int, *, first_day: date) -> list[Observation]:
    """Rides spread over a week, as apps asked about them and as they went."""
    simulator = load_simulator(use_case)
    every = list(simulator.observe(simulator.simulate(2 * rides, seed=21, first_day=first_day, days=7)))
    return [every[index * len(every) // rides] for index in range(rides)]
