"""What an experiment is refused for, before anything is begun."""

from __future__ import annotations

from datetime import timedelta

import pytest

from noriba.client.experiments import LONGEST, NoExperimentError, start_experiment
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
