"""What `rollout status` says of a comparison."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from noriba.cli import rollout_commands
from noriba.cli.main import main
from noriba.client import RolloutStatus
from noriba.rollout.pairing import Look
from tests.unit.client.deployments import BEGAN, STEP

if TYPE_CHECKING:
    from noriba.client import Session


def compare(_session: Session) -> RolloutStatus:
    """Five requests of eight candidates each, of two of which the outcome is known."""
    return RolloutStatus(
        execution="arn:e",
        started_at=BEGAN,
        champion=6,
        challenger=7,
        paused=False,
        steps=(STEP,),
        answered={"champion": 40, "challenger": 40},
        waiting=3,
        looks=(Look(outcomes=2, estimate=None, lower=None, upper=None),),
    )


def test_what_waits_are_requests_as_what_is_compared_is_one_outcome_of_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rollout_commands, "read_rollout_status", compare)
    monkeypatch.setattr(sys, "argv", ["noriba", "rollout", "status", "--use-case", "taxi_eta"])

    with pytest.raises(SystemExit):
        main()

    assert "2 outcomes compared; 3 requests still wait." in capsys.readouterr().out
