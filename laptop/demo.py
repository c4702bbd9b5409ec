"""The loop, once round: every phase timed, its failure named, and a report that says what was seen."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from laptop import drift_scenario
from laptop.alone import UnderWayError, hold_alone
from laptop.clouds import deploy_stacks, make_templates, start_cloud
from laptop.demo_data import cut_files, simulate_files
from laptop.fault_scenario import run_fault_scenario
from laptop.memory import PeakMemory
from laptop.resources import list_resources
from laptop.rollout_scenario import FIRST_ROWS, run_rollout_scenario
from laptop.state import ASSEMBLY, DEMO_FILES, HOME, STATE_DIR, find_cloud, make_private_home, read_environment
from laptop.steps import LIMIT_S, check_gates, land
from laptop_cloud.calls import read_calls
from laptop_cloud.deploy import DeployError
from laptop_cloud.process import CloudError, check_port, stop
from laptop_cloud.shared_clock import enter, leave
from noriba.cli.output import show_progress
from noriba.client import (
    ApiClient,
    Progress,
    Session,
    approve_model,
    translate_failures,
    wait_for_candidate,
    wait_for_decision,
    wait_for_rollout,
)
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from laptop.organisation import Topology
    from laptop_cloud.process import RunningCloud
    from noriba.aws.registry import ModelPackage
    from noriba.records.snapshot import SnapshotManifest

DEFAULT_ROWS = 60_000
SETTINGS = "trust_outcome_times = true\n"
"""Of the deployment: rides of a week are asked about and reported within seconds, and no clock goes along."""
_MARK = STATE_DIR / "started-by-demo"


class DemoError(NoribaError):
    """A phase failed; everything that was seen before it is in the report."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase


class NotBegunError(DemoError):
    """It did not even begin, and writes no report; one of an earlier demo is left alone."""

    def __init__(self, message: str) -> None:
        super().__init__("start", message)


@dataclass(frozen=True)
class DemoPlan:
    """What to walk the loop with."""

    use_case: str
    trips: Sequence[Path]
    rows: int | None
    report: Path
    keep: bool
    port: int | None = None
    scenario: str | None = None
    only: Sequence[str] = ()
    topology: Topology | None = None
    serving: str = "endpoint"

    @property
    def simulated_rows(self) -> int:
        """Rows to make up; a champion that is to be beaten has seen few."""
        return self.rows or (DEFAULT_ROWS if self.scenario is None else FIRST_ROWS)


@dataclass
class Walk:
    """One walk round the loop: the report as it grows."""

    progress: Progress
    latest: str = "start"
    document: dict[str, Any] = field(default_factory=lambda: {"phases": []})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase, and say which one failed."""
        self.latest = name
        self.progress.update(name)
        start_s = time.perf_counter()
        try:
            with translate_failures():
                yield
        except (NoribaError, CloudError, DeployError, OSError) as error:
            self.document["failed"] = {"phase": name, "cause": str(error)}
            raise DemoError(name, str(error)) from error
        finally:
            seconds = time.perf_counter() - start_s
            self.document["phases"].append({"name": name, "seconds": round(seconds, 3)})
        self.progress.done(f"{name} ({seconds:.1f} s)")


def run_demo(plan: DemoPlan) -> dict[str, Any]:
    """Walk the loop; the report, which is also written to the plan's path.

    Raises:
        NotBegunError: something is in the way.
        DemoError: a phase failed.
        KeyboardInterrupt: somebody interrupted it; the report says where.
    """
    make_private_home()
    try:
        with hold_alone(HOME / "demo.lock", "demo"):
            _clear_the_way(plan)
            return _run(plan)
    except UnderWayError as error:
        raise NotBegunError(str(error)) from error


def _run(plan: DemoPlan) -> dict[str, Any]:
    with show_progress("beginning") as progress, PeakMemory() as memory:
        walk = Walk(progress)
        try:
            _walk(plan, walk)
        except KeyboardInterrupt:
            walk.document["failed"] = {"phase": walk.latest, "cause": "interrupted"}
            raise
        finally:
            walk.document["peak_memory_mib"] = memory.mib
            plan.report.parent.mkdir(parents=True, exist_ok=True)
            plan.report.write_text(json.dumps(walk.document, indent=1) + "\n", encoding="utf-8")
            if not plan.keep and _is_ours(find_cloud()):
                stop(STATE_DIR)
    return walk.document


def _clear_the_way(plan: DemoPlan) -> None:
    """A demo begins with an empty cloud; one that it left running itself may go, another may not.

    Raises:
        NotBegunError: a laptop cloud of somebody else's is running, or its port is taken.
    """
    cloud = find_cloud()
    if cloud is not None:
        if not _is_ours(cloud):
            raise NotBegunError(f"a laptop cloud runs at {cloud.endpoint_url}; stop it first: noriba down")
        with show_progress("ending the laptop cloud of an earlier demo") as progress:
            progress.done(
                f"ending the laptop cloud at {cloud.endpoint_url}, which an earlier demo left running, with all that "
                "it holds; to have two: NORIBA_HOME=FOLDER noriba demo"
            )
            stop(STATE_DIR)
    try:
        check_port(plan.port)
    except CloudError as error:
        raise NotBegunError(str(error)) from error


def _is_ours(cloud: RunningCloud | None) -> bool:
    return cloud is not None and _MARK.exists() and _MARK.read_text() == str(cloud.pid)


def _walk(plan: DemoPlan, walk: Walk) -> None:
    if plan.scenario == "drift":
        _walk_through_change(plan, walk)
        return
    cloud = _deploy(plan, walk, settings=_write_settings(f'{SETTINGS}serving = "{plan.serving}"\n'))
    with walk.phase("prepare trips"):
        files = _prepare_files(plan)
    # On the laptop cloud, whatever the environment says.
    session = Session(use_case_name=plan.use_case, environment=read_environment(cloud))
    manifest = _ingest(session, files, walk)
    package = _train(session, manifest, walk)
    with walk.phase("approve and roll out"):
        approval = approve_model(session, package, note="approved by the demo")
        wait_for_rollout(session, approval, limit_s=LIMIT_S, progress=walk.progress)
    with walk.phase("predict"):
        walk.document["api_url"] = session.deployment.api_url
        walk.document["predictions"] = _predict(session)
    if plan.scenario == "rollout":
        run_rollout_scenario(session, walk, DEMO_FILES, plan.report.with_suffix(".svg"))
    elif plan.scenario == "faults":
        run_fault_scenario(session, walk, package, cloud, assembly=ASSEMBLY, state_dir=STATE_DIR, only=plan.only)
    with walk.phase("list resources"):
        walk.document["resources"] = list_resources(session, read_calls(cloud))


def _deploy(plan: DemoPlan, walk: Walk, *, settings: Mapping[str, str], clock: datetime | None = None) -> RunningCloud:
    with walk.phase("synthesize templates"):
        make_templates(plan.topology, settings=settings)
    with walk.phase("start laptop cloud"):
        cloud = start_cloud(plan.topology, port=plan.port, clock=clock)
        # The next demo may end this very cloud, and no other.
        _MARK.write_text(str(cloud.pid))
        walk.document["endpoint_url"] = cloud.endpoint_url
    with walk.phase("deploy stacks"):
        walk.document["stacks"] = sorted(deploy_stacks(cloud, walk.progress.update))
    return cloud


def _write_settings(content: str) -> dict[str, str]:
    """The variable that names a deployment's settings, and the file that it names."""
    DEMO_FILES.mkdir(parents=True, exist_ok=True)
    settings = DEMO_FILES / "noriba.toml"
    settings.write_text(content, encoding="utf-8")
    return {"NORIBA_SETTINGS": str(settings)}


def _walk_through_change(plan: DemoPlan, walk: Walk) -> None:
    """The scenario `drift`, on a cloud that lives in its rides' time."""
    cloud = _deploy(plan, walk, settings=_write_settings(drift_scenario.SETTINGS), clock=drift_scenario.BEGIN)
    if cloud.clock is None:
        raise DemoError(walk.latest, f"the laptop cloud at {cloud.endpoint_url} runs without a clock")
    enter(cloud.clock)
    try:
        session = Session(use_case_name=plan.use_case, environment=read_environment(cloud))
        walk.document["api_url"] = session.deployment.api_url
        drift_scenario.run_drift_scenario(session, walk, cloud, DEMO_FILES, plan.report)
    finally:
        leave()


def _prepare_files(plan: DemoPlan) -> Sequence[Path]:
    if plan.trips:
        return cut_files(plan.trips, rows=plan.rows, folder=DEMO_FILES)
    return simulate_files(plan.use_case, rows=plan.simulated_rows, folder=DEMO_FILES)


def _ingest(session: Session, files: Sequence[Path], walk: Walk) -> SnapshotManifest:
    with walk.phase("land and ingest"):
        landing, manifest = land(session, files, walk.progress)
        walk.document["snapshot"] = {
            "id": manifest.snapshot_id,
            "rows_read": manifest.rows_read,
            "rows_kept": manifest.rows_kept,
            "rows_quarantined": manifest.rows_quarantined,
            "refused_objects": landing.refused,
        }
    return manifest


def _train(session: Session, manifest: SnapshotManifest, walk: Walk) -> ModelPackage:
    with walk.phase("train and evaluate"):
        decision = wait_for_decision(session, manifest.snapshot_id, limit_s=LIMIT_S)
        package = wait_for_candidate(session, decision, limit_s=LIMIT_S, progress=walk.progress)
        numbers = ("mae", "rmse", "baseline_mae", "rmsle", "coverage", "claimed_coverage")
        metrics = {name: float(package.metadata[name]) for name in numbers}
        walk.document["model"] = {
            "package_arn": package.arn,
            "version": package.version,
            "unit": session.use_case.answer.unit,
            "metrics": metrics,
            "deterministic_digest": package.metadata["bundle_digest"],
        }
        check_gates(package)
    return package


def _predict(session: Session) -> list[dict[str, Any]]:
    api = ApiClient.of(session)
    found = []
    for request in session.use_case.golden_requests:
        prediction = api.predict(session.use_case_name, request)
        found.append({"request": request, "answer": prediction.answer, "latency_ms": prediction.latency_ms})
    return found
