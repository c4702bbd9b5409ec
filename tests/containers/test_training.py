"""`train`, as SageMaker runs it."""

from __future__ import annotations

import hashlib
import re
import signal
import zipfile
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from infra.machines.training import METRICS, TrainingProps, describe_training
from noriba.records.artifacts import GoldenRecord
from noriba.records.evidence import WINDOW_FILE, WindowEvidence
from noriba.records.profiles import PROFILE_FILE, Profile
from noriba.training.bundles import load_bundle
from noriba.usecase import load_use_case
from tests.containers.programs import PROGRAMS, REPOSITORY, run_program, stop_program
from tests.containers.trips import write_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.conftest import MakeJob, Training
    from tests.containers.trips import Snapshot


def read_metrics(log: str) -> dict[str, float]:
    """The metrics that SageMaker reads out of a job's log, by the very expressions that the job is given."""
    names = [field.name for field in fields(TrainingProps) if field.name != "max_runtime_s"]
    places = TrainingProps(**dict.fromkeys(names, "elsewhere"), max_runtime_s=1)
    definitions = describe_training(places)["Train"]["Parameters"]["AlgorithmSpecification"]["MetricDefinitions"]
    assert [definition["Name"] for definition in definitions] == list(METRICS)
    found = {one["Name"]: re.findall(one["Regex"], log) for one in definitions}
    return {name: float(value) for name, (value,) in found.items()}


def test_a_training_ends_with_a_sealed_bundle_that_its_log_names(training: Training, snapshot: Snapshot) -> None:
    assert training.run.code == 0, training.run.err

    model, digest = load_bundle(training.model)

    assert model.use_case == "taxi_eta"
    assert model.feature_identities == load_use_case("taxi_eta").features.identities
    assert f"bundle {digest} after" in training.run.out
    assert f"{snapshot.manifest.snapshot_id}: 6000 rows read" in training.run.out
    assert {path.name for path in training.model.iterdir()} == {
        "model.json",
        "encoders.npz",
        "quantile_0.txt",
        "quantile_1.txt",
        "quantile_2.txt",
        "features.json",
        "golden.json",
        "experience.json",
        "profile.json",
        "window.json",
        "code.zip",
        "seal.json",
    }
    assert not (training.base / "output/failure").exists()
    profile = Profile.model_validate_json((training.model / PROFILE_FILE).read_bytes())
    assert {*profile.columns} == {*load_use_case("taxi_eta").features.names}
    assert {sum(map(sum, column.counts)) for column in profile.columns.values()} == {6_000}


def test_windows_that_a_job_is_told_to_try_are_tried_and_what_was_chosen_is_in_the_bundle(
    snapshot: Snapshot, make_job: MakeJob
) -> None:
    windows = '[{"kind": "all"}, {"kind": "last_days", "days": 9}, {"kind": "recent_first", "half_life_days": 3}]'
    base = make_job(snapshot, windows=windows, trees="3")

    run = run_program("train", base)

    assert run.code == 0, run.err
    found = WindowEvidence.model_validate_json((base / "model" / WINDOW_FILE).read_bytes())
    assert [trial.window for trial in found.trials] == ["all rows", "last 9 days", "half-life 3 days"]
    assert all(trial.mae is not None for trial in found.trials)
    assert f"window: {found.summary}" in run.out


def test_sagemaker_reads_every_metric_out_of_the_log(training: Training) -> None:
    metrics = read_metrics(training.run.out)

    assert metrics.keys() == set(METRICS)
    assert 0 < metrics["mae"] < metrics["rmse"]
    assert metrics["mae"] < metrics["baseline_mae"]
    assert 0 < metrics["rmsle"] < 1
    assert metrics["coverage"] == pytest.approx(0.8, abs=0.06)


def test_the_same_snapshot_and_code_train_the_same_bytes_elsewhere(
    training: Training, snapshot: Snapshot, make_job: MakeJob
) -> None:
    base = make_job(snapshot, threads="2")

    again = run_program("train", base, PYTHONHASHSEED="4711", TZ="Asia/Tokyo")

    assert again.code == 0, again.err
    for path in sorted(training.model.iterdir()):
        assert (base / "model" / path.name).read_bytes() == path.read_bytes(), path.name


def test_other_settings_train_another_model(training: Training, older_training: Training) -> None:
    assert load_bundle(older_training.model)[1] != load_bundle(training.model)[1]


def test_the_bundle_brings_the_code_that_made_it(training: Training) -> None:
    with zipfile.ZipFile(training.model / "code.zip") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}

    for program in ("train", "training_job.py"):
        assert content[f"containers/model/{program}"] == (PROGRAMS / program).read_bytes()
    features = "usecases/taxi_eta/features.py"
    assert content[features] == (REPOSITORY / features).read_bytes()
    assert "noriba/training/models.py" in content
    assert "usecases/taxi_eta/reference/nyc_taxi_zones.csv" in content
    assert not [name for name in content if name.endswith(".pyc")]
    # What had no part in it changes nothing: neither who serves and evaluates, nor who makes rides up.
    strangers = ("server.py", "evaluation_job.py", "simulator.py", "sources.py", "noriba/cli", "noriba/serving")
    assert not [name for name in content if any(stranger in name for stranger in strangers)]


def test_the_bundle_brings_golden_rows_of_the_hold_out(training: Training, snapshot: Snapshot) -> None:
    record = GoldenRecord.model_validate_json((training.model / "golden.json").read_bytes())

    assert tuple(record.inputs) == load_use_case("taxi_eta").features.inputs
    assert record.inputs["pickup_at_s"][-1] == snapshot.manifest.last_s


def test_a_training_that_is_stopped_ends_at_once(snapshot: Snapshot, make_job: MakeJob) -> None:
    base = make_job(snapshot, trees="100000")

    status = stop_program("train", base, after="encoders")

    # By its own hand: the first process of a container is not ended by a signal that it leaves to the system.
    assert status == 128 + signal.SIGTERM
    assert not (base / "model").exists()
    assert not (base / "output/failure").exists()


# --- failures --------------------------------------------------------------------------------------------------------


def fail(base: Path, *, traceback: bool = False) -> str:
    """Run a training that must fail, and read the reason where SageMaker reads it."""
    ended = run_program("train", base)

    assert ended.code == 1, ended.err
    assert not (base / "model").exists()
    reason = (base / "output/failure").read_text()
    assert ended.err.endswith(f"{reason}\n")
    # The caller's own mistakes are one line in the log; what nobody expected brings its traceback.
    assert ("Traceback" in ended.err) == traceback
    return reason


def test_a_bad_hyper_parameter_is_told_in_one_line(snapshot: Snapshot, make_job: MakeJob) -> None:
    base = make_job(snapshot, trees="many")

    reason = fail(base)

    assert reason.startswith("HyperparameterError: bad hyper-parameters: trees: Input should be a valid integer")


def test_too_little_data_is_told_with_the_remedy(make_job: MakeJob, tmp_path: Path) -> None:
    base = make_job(write_snapshot(tmp_path, rows=900))

    reason = fail(base)

    assert reason.startswith("NotEnoughDataError: 900 rows leave ")
    assert reason.endswith(" for calibration; at least 200 are needed, land more data")


def test_an_overwritten_part_is_told_by_its_hash(snapshot: Snapshot, make_job: MakeJob) -> None:
    base = make_job(snapshot)
    part = base / "input/data" / snapshot.part(1).relative_to(snapshot.folder)
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    found = hashlib.sha256(part.read_bytes()).hexdigest()

    assert fail(base) == (
        f"CorruptSnapshotError: part {part.stem} has the content of {found}; the object was overwritten"
    )


def test_a_fault_that_nobody_expected_is_told_too(snapshot: Snapshot, make_job: MakeJob) -> None:
    base = make_job(snapshot)
    (base / "input/data/snapshot/manifest.json").unlink()

    reason = fail(base, traceback=True)

    assert reason.startswith("FileNotFoundError: ")
    assert "manifest.json" in reason


def test_an_unknown_use_case_is_told_with_those_there_are(snapshot: Snapshot, make_job: MakeJob) -> None:
    reason = fail(make_job(snapshot, use_case="flights"))

    assert reason.startswith("UnknownUseCaseError: no use case 'flights'; installed: ")
    assert reason.endswith("taxi_eta")
