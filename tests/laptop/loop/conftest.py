"""The real stacks on a laptop cloud of their own, walked round once for the whole session."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Self

import pyarrow.parquet
import pytest

from laptop.recorder import BusRecorder
from laptop.state import PROJECT_ROOT
from laptop_cloud import process
from laptop_cloud.deploy import deploy, synthesize
from noriba.client import (
    ApiClient,
    Landing,
    Session,
    approve_model,
    land_files,
    wait_for_candidate,
    wait_for_decision,
    wait_for_objects,
    wait_for_rollout,
    wait_for_snapshot,
)
from usecases.taxi_eta.simulator import simulate, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from laptop_cloud.process import RunningCloud
    from noriba.aws.ledger import ObjectState
    from noriba.aws.registry import ModelPackage
    from noriba.records.snapshot import SnapshotManifest

USE_CASE = "taxi_eta"
ROWS = 12_000
LIMIT_S = 240.0
PAUSE_S = 0.03
"""Between two requests of an app: fewer a second than the fifty that its plan allows."""
RIDE = {
    "origin": {"latitude": 40.758, "longitude": -73.9855},
    "destination": {"latitude": 40.7061, "longitude": -74.0087},
    "pickup_at": "2026-07-01T17:45:00-04:00",
}


@dataclass
class Loop:
    """A deployment, and short ways to use it."""

    cloud: RunningCloud
    session: Session
    folder: Path

    @property
    def api(self) -> ApiClient:
        return ApiClient.of(self.session)

    def land(self, *files: Path) -> Landing:
        """Upload, and wait until every object is kept or refused."""
        return wait_for_objects(self.session, land_files(self.session, files), limit_s=LIMIT_S)

    def land_snapshot(self, *files: Path) -> SnapshotManifest:
        landing = self.land(*files)
        manifest = wait_for_snapshot(self.session, landing, limit_s=LIMIT_S)
        assert manifest is not None, landing.states
        return manifest

    def land_one(self, name: str, content: bytes) -> ObjectState:
        """What becomes of one file."""
        path = self.folder / name
        path.write_bytes(content)
        return next(iter(self.land(path).states.values()))

    def wait_for_candidate(self, snapshot_id: str) -> ModelPackage:
        decision = wait_for_decision(self.session, snapshot_id, limit_s=LIMIT_S)
        return wait_for_candidate(self.session, decision, limit_s=LIMIT_S)

    def roll_out(self, package: ModelPackage) -> None:
        approval = approve_model(self.session, package, note="approved by a test")
        wait_for_rollout(self.session, approval, limit_s=LIMIT_S)

    def eventually(self, look: Callable[[], Any], within_s: float = 60.0) -> Any:
        """What a look finds, as soon as it finds something."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.3)
        pytest.fail(f"did not come within {within_s} s")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command line against this cloud, as a user would."""
        environment = {"PATH": f"{PROJECT_ROOT}/.venv/bin:/usr/bin:/bin", "HOME": str(self.folder)}
        environment |= self.cloud.environment
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=120)

    def run_json(self, *words: str) -> Any:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory, share_wheels: Callable[[Path], None]) -> Iterator[Loop]:
    """The stacks, deployed by the real `cdk`, unchanged."""
    folder = tmp_path_factory.mktemp("loop")
    share_wheels(folder)
    # As NORIBA_HOME lays it out, so that the command finds it there.
    assembly, state_dir = folder / "cdk.out", folder / "laptop"
    # Most tests only want another model in production; those of the comparison bring a plan of their own, and rides of
    # a week that go by in seconds. A fast machine asks more in a second than the plan of an app allows.
    settings = folder / "noriba.toml"
    settings.write_text('rollout = "direct"\ntrust_outcome_times = true\napi_requests_per_s = 500\napi_burst = 500\n')
    synthesize(PROJECT_ROOT, assembly, environment={"NORIBA_SETTINGS": str(settings)})
    cloud = process.start(state_dir=state_dir, assembly=assembly, port=None)
    try:
        deploy(cloud, assembly, lambda _line: None)
        yield Loop(cloud, Session("noriba", USE_CASE, environment=cloud.environment), folder)
    finally:
        process.stop(state_dir)
        shutil.rmtree(state_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def bus(loop: Loop) -> BusRecorder:
    return BusRecorder.listen(loop.session)


@pytest.fixture(scope="session")
def trips(loop: Loop) -> list[Path]:
    """Two months of simulated trips, some of them broken."""
    table = simulate(ROWS, seed=7, first_day=date(2026, 1, 5), days=56)
    return write_files(table, loop.folder)


@pytest.fixture(scope="session")
def snapshot(loop: Loop, bus: BusRecorder, trips: list[Path]) -> SnapshotManifest:
    """The first snapshot; the recorder listens before anything lands."""
    assert bus.find("DatasetSnapshotCreated") == []
    return loop.land_snapshot(*trips)


@pytest.fixture(scope="session")
def candidate(loop: Loop, snapshot: SnapshotManifest) -> ModelPackage:
    return loop.wait_for_candidate(snapshot.snapshot_id)


@pytest.fixture(scope="session")
def answer_without_model(loop: Loop, candidate: ModelPackage) -> tuple[int, dict[str, Any]]:
    """What the API says while a candidate waits and nothing is in production."""
    assert candidate.status == "PendingManualApproval"
    return loop.api.post(f"/v1/{USE_CASE}/predictions", RIDE)


@pytest.fixture(scope="session")
def champion(loop: Loop, candidate: ModelPackage, answer_without_model: tuple[int, dict[str, Any]]) -> ModelPackage:
    """The candidate, approved and in production."""
    assert answer_without_model
    loop.roll_out(candidate)
    return candidate


@pytest.fixture(scope="session")
def more_trips(loop: Loop) -> Path:
    """Another week of trips."""
    table = simulate(2_000, seed=8, first_day=date(2026, 3, 2), days=7)
    path = loop.folder / "trips_2026-03-more.parquet"
    pyarrow.parquet.write_table(table, path)
    return path


@pytest.fixture(scope="session")
def challenger(loop: Loop, champion: ModelPackage, more_trips: Path) -> ModelPackage:
    """A second candidate, trained on more data and evaluated beside the champion; not yet decided upon."""
    assert champion.version == 1
    snapshot_id = loop.land_snapshot(more_trips).snapshot_id
    # By itself, the next training would wait for the cooldown.
    loop.run_json("noriba", "retrain", "--note", "a week more", "--json")
    loop.eventually(lambda: [one for one in loop.session.ledger.list_decisions() if one.train][1:])
    return loop.wait_for_candidate(snapshot_id)


class Caller:
    """An app that asks on and on, and keeps what it was answered."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._call)
        self.answers: list[tuple[int, int | None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _call(self) -> None:
        while not self._stop.is_set():
            status, answer = self._api.post(f"/v1/{USE_CASE}/predictions", RIDE)
            self.answers.append((status, answer.get("model_version")))
            time.sleep(PAUSE_S)


@pytest.fixture
def caller(loop: Loop) -> Caller:
    return Caller(loop.api)
