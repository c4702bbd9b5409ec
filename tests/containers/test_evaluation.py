"""`evaluate`, as SageMaker runs it."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from noriba.records.evidence import WINDOW_FILE, Evidence, WindowEvidence
from noriba.training.bundles import load_bundle
from noriba.usecase import load_use_case
from tests.containers.conftest import pack
from tests.containers.programs import run_program
from tests.containers.test_training import read_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.conftest import Training
    from tests.containers.trips import Snapshot


@pytest.fixture
def base(snapshot: Snapshot, tmp_path: Path) -> Path:
    """A processing job's tree; the candidate is not in it yet."""
    shutil.copytree(snapshot.folder, tmp_path / "processing/input")
    return tmp_path


@pytest.fixture(scope="module")
def first_evidence(snapshot: Snapshot, training: Training, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Of a candidate without a champion."""
    base = tmp_path_factory.mktemp("evaluation")
    shutil.copytree(snapshot.folder, base / "processing/input")
    pack(training.model, base / "processing/input/candidate")
    return evaluate(base)


def evaluate(base: Path) -> Evidence:
    ended = run_program("evaluate", base)

    assert ended.code == 0, ended.err
    assert "metric mae=" in ended.out
    return Evidence.model_validate_json((base / "processing/output/evaluation/evaluation.json").read_bytes())


def fail(base: Path) -> str:
    ended = run_program("evaluate", base)

    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert not (base / "processing/output/evaluation").exists()
    return (base / "output/message").read_text()


def test_a_first_candidate_is_judged_beside_the_baseline(
    first_evidence: Evidence, training: Training, snapshot: Snapshot
) -> None:
    evidence = first_evidence
    assert evidence.champion is None
    assert evidence.champion_unavailable is None
    assert evidence.snapshot_id == snapshot.manifest.snapshot_id
    assert evidence.holdout_last_s == snapshot.manifest.last_s
    # Rows of one second stay together, so the share is met to a few rows.
    share = load_use_case("taxi_eta").policies.training.holdout_share
    assert evidence.candidate.rows == pytest.approx(share * sum(part.rows for part in snapshot.manifest.parts), abs=3)
    assert {part.name for part in evidence.slices} == {"part of day", "distance", "kind of day", "origin borough"}
    # The rows and the numbers are those that the training itself reported.
    reported = read_metrics(training.run.out)
    assert evidence.candidate.mae == pytest.approx(reported["mae"], rel=1e-5)
    assert evidence.candidate.coverage == pytest.approx(reported["coverage"], rel=1e-5)
    assert evidence.baseline.mae == pytest.approx(reported["baseline_mae"], rel=1e-5)


def test_evidence_names_the_bundle_and_the_code_that_it_is_about(first_evidence: Evidence, training: Training) -> None:
    assert first_evidence.bundle_digest == load_bundle(training.model)[1]
    assert first_evidence.window is not None
    assert first_evidence.window == WindowEvidence.model_validate_json((training.model / WINDOW_FILE).read_bytes())
    assert first_evidence.code_digest == hashlib.sha256((training.model / "code.zip").read_bytes()).hexdigest()


def test_candidate_and_champion_are_judged_on_the_same_rows(
    base: Path, training: Training, older_training: Training
) -> None:
    pack(training.model, base / "processing/input/candidate")
    pack(older_training.model, base / "processing/input/champion")

    evidence = evaluate(base)

    assert evidence.champion is not None
    assert evidence.champion.rows == evidence.candidate.rows
    assert evidence.champion.mae == pytest.approx(read_metrics(older_training.run.out)["mae"], rel=1e-5)
    assert evidence.candidate.mae < evidence.champion.mae
    assert all(part.champion is not None for part in evidence.slices)


def test_a_candidate_that_is_not_there_is_told(base: Path) -> None:
    assert fail(base) == "CorruptBundleError: input candidate holds no model.tar.gz"


def test_a_champion_whose_seal_is_broken_is_told(base: Path, training: Training, tmp_path: Path) -> None:
    pack(training.model, base / "processing/input/candidate")
    tampered = tmp_path / "tampered"
    shutil.copytree(training.model, tampered)
    (tampered / "quantile_1.txt").write_text("tree")
    pack(tampered, base / "processing/input/champion")

    assert fail(base) == (
        "CorruptBundleError: the bundle's seal is broken by quantile_1.txt; train or download it again"
    )
