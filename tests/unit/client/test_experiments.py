"""What an experiment is refused for, before anything is begun."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from noriba.client import NoRolloutError, experiments
from noriba.client.experiments import LONGEST, NoExperimentError, start_experiment, stop_experiment
from tests.unit.client.deployments import Deployed

WEEK = timedelta(days=7)


@pytest.mark.parametrize("percent", [-1, 0, 4, 96, 100, 101])
def test_a_share_that_leaves_one_of_the_two_too_few_is_refused(percent: int) -> None:
    deployed = Deployed({6: "Approved", 7: "Approved"}, serving=6)

    with pytest.raises(NoExperimentError, match=f"percent is {percent}; give 5 to 95"):
        start_experiment(deployed.as_session(), version=7, percent=percent, lasts=WEEK, reason="do fewer cancel?")

    assert deployed.rollouts.executions == []


@pytest.mark.parametrize("lasts", [timedelta(0), LONGEST + timedelta(seconds=1)])
def test_an_experiment_that_lasts_too_long_is_refused(lasts: timedelta) -> None:
    deployed = Deployed({6: "Approved", 7: "Approved"}, serving=6)

    with pytest.raises(NoExperimentError, match="lasts up to 28 days"):
        start_experiment(deployed.as_session(), version=7, percent=50, lasts=lasts, reason="do fewer cancel?")

    assert deployed.rollouts.executions == []


def test_what_is_ended_is_an_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Any] = []
    monkeypatch.setattr(experiments, "end_rollout", lambda _session, lock, **_more: ended.append(lock))
    deployed = Deployed({6: "Approved", 7: "Approved"}, serving=6)

    with pytest.raises(NoRolloutError, match="under way"):
        stop_experiment(deployed.as_session(), reason="enough")
    deployed.hold_lock(purpose="promotion")
    with pytest.raises(NoExperimentError, match="no experiment; to end it: noriba rollout abort"):
        stop_experiment(deployed.as_session(), reason="enough")
    assert ended == []

    deployed.hold_lock(purpose="experiment")
    stop_experiment(deployed.as_session(), reason="enough")
    assert ended == [deployed.lock]
