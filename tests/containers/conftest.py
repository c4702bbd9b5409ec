"""A snapshot and two trained models, made once; trees for jobs."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.containers.programs import run_program
from tests.containers.trips import write_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.programs import Run
    from tests.containers.trips import Snapshot

SMALL = {"use_case": "taxi_eta", "trees": "20", "leaves": "15", "learning_rate": "0.2"}


@dataclass(frozen=True)
class Training:
    """A training job that has run."""

    base: Path
    run: Run

    @property
    def model(self) -> Path:
        """Where the bundle is."""
        return self.base / "model"


class MakeJob(Protocol):
    def __call__(self, snapshot: Snapshot, **hyperparameters: str) -> Path: ...


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_snapshot(tmp_path_factory.mktemp("snapshot"), rows=6_000)


@pytest.fixture(scope="session")
def make_job(tmp_path_factory: pytest.TempPathFactory) -> MakeJob:
    """`make_job(snapshot, trees="5", …)`: a training job's tree, ready to run."""

    def make(snapshot: Snapshot, **hyperparameters: str) -> Path:
        base = tmp_path_factory.mktemp("job")
        (base / "input/config").mkdir(parents=True)
        (base / "input/config/hyperparameters.json").write_text(json.dumps({**SMALL, **hyperparameters}))
        shutil.copytree(snapshot.folder, base / "input/data")
        return base

    return make


@pytest.fixture(scope="session")
def training(snapshot: Snapshot, make_job: MakeJob) -> Training:
    base = make_job(snapshot, threads="1")
    return Training(base, run_program("train", base))


@pytest.fixture(scope="session")
def older_training(snapshot: Snapshot, make_job: MakeJob) -> Training:
    """Of the same data, and worse."""
    base = make_job(snapshot, trees="3", threads="1")
    return Training(base, run_program("train", base))


def pack(model: Path, folder: Path) -> None:
    """The model.tar.gz that SageMaker makes of a training's model folder."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for file in sorted(model.iterdir()):
            archive.add(file, arcname=file.name)
