"""Faults, one after the other, in rollouts of one small champion: each must end with who should serve serving alone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from laptop.faults.catalogue import FAULTS, RIDES
from laptop.faults.challengers import Workshop
from laptop.faults.proving import ProvingGround, observe_rides
from laptop.recorder import BusRecorder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from laptop.demo import Walk
    from laptop_cloud.process import RunningCloud
    from noriba.client import ModelPackage, Session

_FIRST_DAY = date(2026, 3, 9)


def run_fault_scenario(
    session: Session,
    walk: Walk,
    champion: ModelPackage,
    cloud: RunningCloud,
    *,
    assembly: Path,
    state_dir: Path,
    only: Sequence[str] = (),
) -> None:
    """Let every fault happen, or those that are named; the report says how each ended."""
    ground = ProvingGround(
        workshop=Workshop(session, champion, assembly),
        cloud=cloud,
        state_dir=state_dir,
        bus=BusRecorder.listen(session),
        observations=observe_rides(session.use_case_name, RIDES, first_day=_FIRST_DAY),
    )
    endings: list[dict[str, Any]] = []
    walk.document["scenario"] = {"name": "faults", "faults": endings}
    for fault in FAULTS:
        if only and fault.name not in only:
            continue
        with walk.phase(f"{fault.name}: {fault.meaning}"):
            ending = ground.let_happen(fault)
            endings.append(ending.report())
        for complaint in ending.wrong:
            walk.progress.done(f"{fault.name}: {complaint}")
