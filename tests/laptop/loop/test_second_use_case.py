"""Another use case goes round the loop beside the first: words, no places, another unit, answers near 0.05."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from noriba.client import (
    ApiClient,
    Session,
    approve_model,
    land_files,
    wait_for_candidate,
    wait_for_decision,
    wait_for_rollout,
    wait_for_snapshot,
)
from noriba.usecase import load_simulator
from tests.laptop.loop.conftest import LIMIT_S, USE_CASE

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from tests.laptop.loop.conftest import Loop

ROWS = 3_000


def test_it_learns_is_approved_and_answers_in_its_own_unit(loop: Loop, champion: ModelPackage) -> None:
    session = Session("noriba", "scooter_energy", environment=loop.cloud.environment)
    simulator = load_simulator("scooter_energy")
    table = simulator.simulate(ROWS, seed=5, first_day=date(2026, 1, 5), days=30)

    landing = land_files(session, simulator.write_files(table, loop.folder / "scooters"))
    snapshot = wait_for_snapshot(session, landing, limit_s=LIMIT_S)
    assert snapshot is not None
    decision = wait_for_decision(session, snapshot.snapshot_id, limit_s=LIMIT_S)
    candidate = wait_for_candidate(session, decision, limit_s=LIMIT_S)
    wait_for_rollout(session, approve_model(session, candidate, note="a test"), limit_s=LIMIT_S)
    answer = ApiClient.of(session).predict("scooter_energy", session.use_case.golden_requests[0]).answer

    assert 0 < snapshot.rows_quarantined < ROWS / 50
    assert candidate.status == "PendingManualApproval", candidate.note
    [energy] = answer["predictions"]
    assert 0.02 < energy["energy_low_kwh"] < energy["energy_kwh"] < energy["energy_high_kwh"] < 0.1
    # What it answered was learned from its own rows, and the first use case answers as before.
    assert answer["model_version"] == 1
    ledger = Session("noriba", USE_CASE, environment=loop.cloud.environment).ledger
    assert ledger.read_champion() is not None
    assert champion.arn != candidate.arn
