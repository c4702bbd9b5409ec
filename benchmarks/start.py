"""From nothing to the first answer: the function and the server in fresh processes, and what they have to carry.

Byte-code is there and files are in memory: each is started once before it counts. The function runs as on Lambda, with
its own package and layer and with boto3, which Lambda brings; AWS is a stub on this machine.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.answering import ENVIRONMENT, list_events
from benchmarks.environments import PEERS_FILE, install_packages, measure_bytes
from benchmarks.figures import Figure
from benchmarks.model import BUILD, PROGRAMS, ROOT, describe_tree, train_once
from benchmarks.peer_servers import PEERS, ask_peer, prepare_peer
from benchmarks.server import ask_as_predict_does, read_matrix
from benchmarks.serving import HOST, Server, find_port, serve_bundle, stop, wait_for
from benchmarks.stub_aws import serve_stub
from infra.packages import Packages
from noriba.training.bundles import load_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.model import Trained
    from benchmarks.serving import Asking

STARTS, SERVER_STARTS = 7, 3
_REACH_MS = 250.0
_LOCK = ROOT / "requirements.lock"
_IMAGE_LOCK = PROGRAMS / "requirements.lock"
_PLAIN = "pandas + LightGBM + boto3"
_MIB = 2**20
# What a peer's image would install; the versions are those of the peers' environment.
_SERVED_BY = {
    "FastAPI": ("fastapi", "uvicorn[standard]", "lightgbm"),
    "BentoML": ("bentoml", "lightgbm"),
    "MLflow": ("mlflow", "lightgbm"),
}


@dataclass(frozen=True)
class Package:
    """A function as it is deployed.

    Attributes:
        module: of its handler.
        code: the folder of its own code.
        layer: the folder of its dependencies.
    """

    module: str
    code: Path
    layer: Path


def run(trips: Path | None, *, peers: bool) -> list[Figure]:
    """Milliseconds to the first answer, and mebibytes installed."""
    trained = train_once(trips)
    return [*_measure_functions(trained), *_measure_servers(trained, peers=peers)]


def _measure_functions(trained: Trained) -> list[Figure]:
    with ExitStack() as running:
        scratch = Path(running.enter_context(tempfile.TemporaryDirectory()))
        server = running.enter_context(serve_bundle(trained.base, workers=1))
        aws = running.enter_context(serve_stub(server.port, trained.plain))
        event = scratch / "event.json"
        event.write_text(json.dumps(list_events(1)[0]), encoding="utf-8")
        boto3 = install_packages("boto3", ["boto3"], pins=_LOCK)
        packages = {"noriba": _package_ours(scratch), _PLAIN: _package_plain(scratch)}
        environment = {**aws, **ENVIRONMENT, "PLAIN_MODEL": "s3://models/plain", "PATH": "/usr/bin:/bin"}
        taken: dict[str, list[list[float]]] = {name: [] for name in packages}
        for start in range(STARTS + 1):
            for name, package in packages.items():
                found = _start_function(package, boto3, event, environment)
                if start:
                    taken[name].append(found)
        medians = {
            name: [statistics.median(column) * 1e3 for column in zip(*rows, strict=True)]
            for name, rows in taken.items()
        }
        size = {name: measure_bytes(package.code, package.layer) / _MIB for name, package in packages.items()}
    ours, plain = medians["noriba"], medians[_PLAIN]
    note = (
        f"the median of {STARTS} fresh processes, in turn, from the first import of the handler on; AWS answers at "
        "once on this machine, and the peer reads its model from it"
    )
    return [
        Figure("start, function: first answer", "ms", sum(ours[:2]), {_PLAIN: sum(plain[:2])}, _REACH_MS, note=note),
        Figure("start, function: of it the import", "ms", ours[0], {_PLAIN: plain[0]}, note=note),
        Figure("start, function: processor, with the interpreter", "ms", ours[2], {_PLAIN: plain[2]}, note=note),
        Figure(
            "start, function: installed",
            "MiB",
            size["noriba"],
            {_PLAIN: size[_PLAIN]},
            note=f"code and dependencies; Lambda brings boto3, {measure_bytes(boto3) / _MIB:.0f} MiB more for each",
        ),
    ]


def _start_function(package: Package, boto3: Path, event: Path, environment: Mapping[str, str]) -> list[float]:
    # Not the virtual environment's Python: it would look through an editable installation's folders first.
    interpreter = getattr(sys, "_base_executable", sys.executable)
    command = [interpreter, "-S", str(Path(__file__).with_name("first_answer.py")), package.module, str(event)]
    path = f"{package.code}:{package.layer}:{boto3}"
    done = subprocess.run(  # noqa: S603  # our own words
        command, capture_output=True, text=True, check=False, env={**environment, "PYTHONPATH": path}
    )
    if done.returncode:
        raise RuntimeError(f"{package.module} did not answer:\n{done.stderr[-2000:]}")
    found: list[float] = json.loads(done.stdout)
    return found


def _package_ours(scratch: Path) -> Package:
    code = scratch / "noriba"
    with zipfile.ZipFile(Packages(root=ROOT, build=BUILD).function("predict")) as archive:
        archive.extractall(code)
    extras = Packages(root=ROOT, build=BUILD).extras("predict")
    words = ["--requirements", "pyproject.toml", *(word for extra in extras for word in ("--extra", extra))]
    return Package("handler", code, install_packages("predict", words, pins=_LOCK))


def _package_plain(scratch: Path) -> Package:
    code = scratch / "plain"
    (code / "benchmarks").mkdir(parents=True)
    for name in ("__init__.py", "pandas_features.py"):
        shutil.copy(ROOT / "benchmarks" / name, code / "benchmarks" / name)
    shutil.copy(ROOT / "benchmarks" / "peers" / "plain_handler.py", code)
    # The calendar alone: of the use case nothing else is loaded.
    calendar = code / "usecases" / "taxi_eta" / "holidays.py"
    calendar.parent.mkdir(parents=True)
    shutil.copy(ROOT / "usecases" / "taxi_eta" / "holidays.py", calendar)
    words = ["aws-lambda-powertools", "pydantic", "pandas", "lightgbm"]
    return Package("plain_handler", code, install_packages("plain", words, pins=PEERS_FILE))


def _measure_servers(trained: Trained, *, peers: bool) -> list[Figure]:
    predictor = load_bundle(trained.bundle)[0].load()
    matrix = read_matrix(predictor, 1, 0)
    names = ("noriba", *PEERS) if peers else ("noriba",)
    askings = {name: ask_peer(name, [matrix]) for name in names[1:]} | {"noriba": ask_as_predict_does(1)}
    taken: dict[str, list[float]] = {name: [] for name in names}
    for start in range(SERVER_STARTS + 1):
        for name in names:
            found_s = _start_server(name, trained, askings[name])
            if start:
                taken[name].append(found_s)
    first = {name: statistics.median(samples) * 1e3 for name, samples in taken.items()}
    size = {
        "noriba": measure_bytes(install_packages("model", ["--requirements", str(_IMAGE_LOCK)], pins=_IMAGE_LOCK)),
        **{
            name: measure_bytes(install_packages(name.lower(), list(wanted), pins=PEERS_FILE))
            for name, wanted in _SERVED_BY.items()
            if name in names
        },
    }
    note = f"one worker, from the start of the process to the first answer; the median of {SERVER_STARTS}, in turn"
    return [
        Figure("start, server: first answer", "ms", first.pop("noriba"), first, note=note),
        Figure(
            "start, server: installed packages",
            "MiB",
            size.pop("noriba") / _MIB,
            {name: found / _MIB for name, found in size.items()},
            note="ours train and evaluate as well, from the same image",
        ),
    ]


def _start_server(name: str, trained: Trained, asking: Asking) -> float:
    """Seconds."""
    command: Sequence[str]
    if name == "noriba":
        command, port = [str(PROGRAMS / "serve")], find_port()
        environment = describe_tree(trained.base, SERVE_HOST=HOST, SAGEMAKER_BIND_TO_PORT=str(port))
    else:
        command, port, environment = prepare_peer(name, trained, workers=1)
    begun_s = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  # our own words
        command,
        cwd=PROGRAMS if name == "noriba" else ROOT / "benchmarks" / "peers",
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(process, port, pause_s=0.002)
        Server(name, port, process.pid).ask(asking)
        return time.perf_counter() - begun_s
    finally:
        stop(process)
