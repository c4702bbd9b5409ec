"""What may be approved and rejected while a rollout or an experiment is under way."""

from __future__ import annotations

from typing import Any

import pytest

from noriba.client.models import find_candidate, reject_model
from noriba.client.rollout_history import UnderWayError
from noriba.records.rollout import RolloutPlan
from noriba.usecase import RolloutPolicy
from tests.unit.client.deployments import Deployed, make_package

EXPERIMENT = RolloutPlan.of_experiment(RolloutPolicy(), percent=50, lasts_s=3600).model_dump(mode="json")


@pytest.mark.parametrize(
    ("version", "more", "said"),
    [
        (6, {}, r"a rollout is under way for version 7, and production could .* version 6, .*: noriba rollout abort"),
        (6, {"plan": EXPERIMENT}, r"an experiment tries version 7, and production .*: noriba experiment stop"),
        (7, {}, r"a rollout is under way for version 7; nothing was changed.*: noriba rollout abort"),
        (7, {"plan": EXPERIMENT}, r"an experiment tries version 7; .*: noriba experiment stop"),
    ],
)
def test_what_is_needed_is_not_rejected(version: int, more: dict[str, Any], said: str) -> None:
    """Production could not be given back to a rejected champion; a rejected challenger's shadow would go on."""
    deployed = Deployed({6: "Approved", 7: "Approved"}, serving=6)
    deployed.hold_lock(version=7, **more)

    with pytest.raises(UnderWayError, match=said):
        reject_model(deployed.as_session(), make_package(version, "Approved"), note="bad")
    assert deployed.statuses == {6: "Approved", 7: "Approved"}


@pytest.mark.parametrize(("version", "status", "serves"), [(6, "SUCCEEDED", True), (8, "RUNNING", False)])
def test_anything_else_is_rejected_as_ever(version: int, status: str, serves: bool) -> None:
    deployed = Deployed({6: "Approved", 7: "Approved", 8: "PendingManualApproval"}, serving=6)
    deployed.hold_lock(status, version=7)

    assert reject_model(deployed.as_session(), make_package(version, "?"), note="bad") is serves
    assert deployed.statuses[version] == "Rejected"


def test_none_is_taken_by_itself_that_is_older_than_what_is_rolled_out() -> None:
    deployed = Deployed({3: "Approved", 2: "PendingManualApproval"}, serving=1)
    deployed.hold_lock(version=3)

    with pytest.raises(UnderWayError, match=r"version 3 is being rolled out, and version 2, .*: noriba approve 2"):
        find_candidate(deployed.as_session())
    assert find_candidate(deployed.as_session(), 2).version == 2


def test_the_newest_that_waits_is_taken_where_it_is_newer() -> None:
    deployed = Deployed({4: "PendingManualApproval", 3: "Approved"}, serving=1)
    deployed.hold_lock(version=3)

    assert find_candidate(deployed.as_session()).version == 4
