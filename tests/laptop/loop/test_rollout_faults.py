"""Some of the faults of `noriba demo --scenario faults`: those that nothing else here lets happen."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from laptop.faults.catalogue import FAULTS, RIDES
from laptop.faults.challengers import Workshop
from laptop.faults.proving import ProvingGround, observe_rides
from tests.laptop.loop.test_rollout import serve

if TYPE_CHECKING:
    from laptop.recorder import BusRecorder
    from noriba.client import ModelPackage
    from tests.laptop.loop.conftest import Loop

CHOSEN = ("no-answer", "aborted-in-staging", "server-killed")


@pytest.fixture(scope="module")
def ground(loop: Loop, bus: BusRecorder, champion: ModelPackage, challenger: ModelPackage) -> ProvingGround:
    """Where faults happen; the challenger that others use has its version already."""
    assert champion.version < challenger.version
    serve(loop, champion)
    return ProvingGround(
        workshop=Workshop(loop.session, champion, loop.folder / "cdk.out"),
        cloud=loop.cloud,
        state_dir=loop.folder / "laptop",
        bus=bus,
        observations=observe_rides("taxi_eta", RIDES, first_day=date(2026, 3, 9)),
    )


@pytest.mark.parametrize("name", CHOSEN)
def test_a_rollout_survives(ground: ProvingGround, name: str) -> None:
    [fault] = [one for one in FAULTS if one.name == name]

    ending = ground.let_happen(fault)

    assert ending.wrong == ()
    assert (ending.ended, ending.failed, ending.left_over) == ("champion", 0, ())
    assert ending.requests
