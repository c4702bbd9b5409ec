"""What people would serve the same trees with: MLflow, BentoML, and a minimal FastAPI over LightGBM's C interface."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.environments import make_peers_environment, run_peer
from benchmarks.serving import HOST, Asking, find_port, run_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.model import Trained
    from benchmarks.serving import Server

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

_FOLDER = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Peer:
    """How a peer is asked.

    Attributes:
        path: of its route.
        rows: the field of a body that the matrix stands in.
        answer: the field of an answer that quantiles stand in; None where they are the answer.
    """

    path: str
    rows: str
    answer: str | None


PEERS = {
    "FastAPI": Peer("/predict", "rows", "quantiles"),
    "BentoML": Peer("/predict", "rows", None),
    "MLflow": Peer("/invocations", "inputs", "predictions"),
}


@contextmanager
def start_peer(name: str, trained: Trained, *, workers: int) -> Iterator[Server]:
    """A peer's server, warm, until the block ends."""
    command, port, environment = prepare_peer(name, trained, workers=workers)
    with run_server(name, command, port, environment, cwd=_FOLDER) as server:
        yield server


def prepare_peer(name: str, trained: Trained, *, workers: int) -> tuple[list[str], int, dict[str, str]]:
    """The command, the port and the environment of a peer's server."""
    python, port = make_peers_environment(), find_port()
    bin_folder = python.parent
    environment = {
        **{key: value for key, value in os.environ.items() if key not in {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}},
        "PATH": os.pathsep.join((str(bin_folder), os.environ.get("PATH", os.defpath))),
        "PYTHONPATH": str(_FOLDER),
        "PEER_MODEL": str(trained.bundle),
        "PEER_WORKERS": str(workers),
        "OMP_NUM_THREADS": "1",
        "BENTOML_DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    if name == "FastAPI":
        command = [str(bin_folder / "uvicorn"), "fastapi_server:app", "--host", HOST, "--port", str(port)]
        command += ["--workers", str(workers), "--no-access-log", "--log-level", "warning"]
    elif name == "BentoML":
        command = [str(bin_folder / "bentoml"), "serve", "bento_service:Quantiles", "--host", HOST, "--port", str(port)]
        environment["BENTOML_HOME"] = str(trained.base / "bentoml")
    else:
        model = _save_for_mlflow(trained)
        command = [str(bin_folder / "mlflow"), "models", "serve", "-m", str(model), "-h", HOST, "-p", str(port)]
        command += ["--workers", str(workers), "--env-manager", "local"]
    return command, port, environment


def _save_for_mlflow(trained: Trained) -> Path:
    script = _FOLDER / "mlflow_model.py"
    folder = trained.base / f"mlflow-{hashlib.sha256(script.read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        run_peer(script.name, str(trained.bundle), str(unfinished))
        unfinished.rename(folder)
    return folder


def ask_peer(name: str, matrices: Sequence[Matrix]) -> Asking:
    """The same requests, as this peer wants them."""
    peer = PEERS[name]
    bodies = tuple(json.dumps({peer.rows: matrix.tolist()}).encode() for matrix in matrices)
    return Asking(peer.path, "application/json", bodies)


def check_answer(name: str, answered: bytes, expected: Matrix) -> None:
    """A peer's answer is of the same trees.

    Raises:
        AssertionError: it is not.
    """
    document: Any = json.loads(answered)
    field = PEERS[name].answer
    found = np.array(document if field is None else document[field], dtype=np.float64)
    np.testing.assert_allclose(found, np.exp(expected), rtol=1e-9, err_msg=name)
