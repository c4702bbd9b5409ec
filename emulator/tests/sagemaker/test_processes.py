"""Programs as processes: ended with everything they started, whatever happens to the cloud."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from laptop_cloud.sagemaker.errors import JobFailedError
from laptop_cloud.sagemaker.guardian import Guardian
from laptop_cloud.sagemaker.host import Host, Root
from laptop_cloud.sagemaker.images import ContainerImage
from laptop_cloud.sagemaker.scopes import Actor, Scope
from laptop_cloud.sagemaker.servers import ModelServer, ServerDownError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCOPE = Scope("123456789012", "us-east-1")
# A server whose health check says 500, and one that does not stop when it is asked to.
SICK = "import os; from http.server import *; c = type('C', (BaseHTTPRequestHandler,), {'do_GET': lambda s: s.send_error(500)}); HTTPServer(('127.0.0.1', int(os.environ['SAGEMAKER_BIND_TO_PORT'])), c).serve_forever()"  # noqa: E501 -- a program in one line
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    guardian = Guardian()
    host = Host(tmp_path, "http://127.0.0.1:1", guardian)
    yield host
    host.close()
    guardian.close()


@pytest.fixture
def start(host: Host, tmp_path: Path) -> Any:
    """`start("program", "argument")`: a process and the lines that it prints."""
    image = ContainerImage("image:tag", tmp_path, tmp_path)

    def run(*command: str, **environment: str) -> Any:
        lines: list[str] = []
        root = host.make_root("root")
        process = host.start(
            image, command, actor=Actor(SCOPE, ""), root=root, environment=environment, on_output=lines.extend
        )
        return process, lines

    return run


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.txt"])
def test_what_an_image_s_requirements_do_not_name_cannot_be_imported(start: Any, tmp_path: Path, name: str) -> None:
    """moto and what it needs are installed here; numpy is, too."""
    (tmp_path / name).write_text("# everything\nMoto==5.0.0 \\\n    --hash=sha256:00\n")
    (tmp_path / "numpy.py").write_text("print('of the image')")

    for code in ("import moto, boto3, json", "import numpy"):
        process, lines = start("python3", "-c", code)
        assert process.wait(60) == 0, lines
    assert lines == ["of the image"]
    process, lines = start("python3", "-c", "import pytest")
    assert process.wait(60) == 1
    assert lines[-1] == "ModuleNotFoundError: import of pytest halted; None in sys.modules"


def test_an_image_that_says_nothing_of_its_packages_has_what_is_here(start: Any) -> None:
    process, lines = start("python3", "-c", "import pytest")

    assert process.wait(60) == 0, lines


def test_output_comes_line_by_line_and_none_is_lost(start: Any) -> None:
    process, lines = start("python3", "-c", "import sys; print('a\\n\\nb'); sys.stderr.write('c')")

    assert process.wait(10) == 0
    assert sorted(lines) == ["a", "b", "c"]


def test_a_signal_is_reported_as_a_shell_does(start: Any) -> None:
    process, _ = start("python3", "-c", "import os; os.kill(os.getpid(), 9)")

    assert process.wait(10) == 128 + signal.SIGKILL


def test_a_program_that_does_not_stop_is_killed(start: Any, eventually: Any) -> None:
    process, lines = start("python3", "-c", STUBBORN)
    eventually(lines.copy)

    assert process.stop(grace_s=0.1) == 128 + signal.SIGKILL


def test_what_cannot_be_run_is_told(start: Any, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "broken").chmod(0o755)

    with pytest.raises(JobFailedError, match="cannot run"):
        start("broken")
    with pytest.raises(JobFailedError, match="no such executable"):
        start("missing")


def test_no_program_outlives_a_closed_host(host: Host, start: Any) -> None:
    process, _ = start("sleep", "60")

    host.close()

    assert not process.running
    with pytest.raises(JobFailedError, match="is ending"):
        start("sleep", "60")


def test_paths_of_the_container_are_rebased(tmp_path: Path) -> None:
    root = Root(tmp_path)

    assert root.rebase("/opt/ml/model") == f"{tmp_path}/model"
    assert root.rebase("--in=/opt/ml/processing/in,/opt/ml") == f"--in={tmp_path}/processing/in,{tmp_path}"
    assert root.rebase("/opt/mlflow /data/opt/ml/x") == "/opt/mlflow /data/opt/ml/x"


def test_a_server_is_healthy_only_when_its_ping_says_so(start: Any) -> None:
    server = ModelServer("sick", lambda port: start("python3", "-c", SICK, **port)[0])

    server.start()

    assert not server.wait_healthy(1)
    with pytest.raises(ServerDownError):
        server.invoke(b"", {})
    server.stop()
