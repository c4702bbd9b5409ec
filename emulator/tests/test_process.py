"""The laptop cloud in the background: started once, found, stopped whole."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from emulator.tests.conftest import make_roles
from laptop_cloud import process
from laptop_cloud.process import CloudError, RunningCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emulator.tests.conftest import Eventually, Zip


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    process.stop(folder)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client_of(cloud: RunningCloud, service: str) -> Any:
    """A client that is told nothing but the cloud's environment."""
    environment = cloud.environment
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def start_function(zipped: Zip) -> Callable[[RunningCloud], int]:
    """Run a function that tells its process id; the process stays, warm."""

    def run(cloud: RunningCloud) -> int:
        make_roles(cloud)
        functions = client_of(cloud, "lambda")
        functions.create_function(
            FunctionName="f",
            Runtime="python3.14",
            Handler="app.handler",
            Role="arn:aws:iam::123456789012:role/laptop",
            Code={"ZipFile": zipped({"app.py": "import os\n\ndef handler(event, context):\n    return os.getpid()\n"})},
        )
        return int(functions.invoke(FunctionName="f")["Payload"].read())

    return run


def test_it_is_started_once_found_again_and_stopped_with_its_children(
    state_dir: Path, tmp_path: Path, start_function: Callable[[RunningCloud], int], eventually: Eventually
) -> None:
    cloud = process.start(state_dir=state_dir, assembly=tmp_path, port=free_port())
    worker = start_function(cloud)

    assert process.running(state_dir) == cloud
    assert process.start(state_dir=state_dir, assembly=tmp_path) == cloud
    assert alive(worker)
    assert process.stop(state_dir)
    assert process.running(state_dir) is None
    assert not process.stop(state_dir)
    eventually(lambda: not alive(cloud.pid) and not alive(worker), within_s=2)
    assert not (state_dir / "cloud.json").exists()


def test_a_cloud_that_was_killed_leaves_no_function_behind_and_is_forgotten(
    state_dir: Path, tmp_path: Path, start_function: Callable[[RunningCloud], int], eventually: Eventually
) -> None:
    cloud = process.start(state_dir=state_dir, assembly=tmp_path, port=free_port())
    worker = start_function(cloud)

    os.kill(cloud.pid, signal.SIGKILL)

    eventually(lambda: not alive(worker))
    assert process.running(state_dir) is None
    assert not (state_dir / "cloud.json").exists()


def test_a_record_whose_process_is_another_program_now_is_not_believed(state_dir: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as somebody:
        state_dir.mkdir()
        stale = RunningCloud(
            pid=somebody.pid,
            port=1,
            endpoint_url="http://127.0.0.1:1",
            account="123456789012",
            region="us-east-1",
            started_at=datetime.now(UTC),
        )
        (state_dir / "cloud.json").write_text(stale.model_dump_json())

        assert not process.stop(state_dir)
        assert somebody.poll() is None
        somebody.kill()


def test_why_it_could_not_start_is_told(state_dir: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(CloudError, match="ddress already in use"):
            process.start(state_dir=state_dir, assembly=tmp_path, port=taken.getsockname()[1])

    assert process.running(state_dir) is None


@pytest.fixture
def start_alone(state_dir: Path, tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], int]]]:
    """Let another program start a cloud; that program, and the cloud's process, which does not answer yet."""

    def start() -> tuple[subprocess.Popen[bytes], int]:
        code = "import sys; from pathlib import Path; from laptop_cloud.process import start; "
        code += "start(state_dir=Path(sys.argv[1]), assembly=Path(sys.argv[2]))"
        starter = subprocess.Popen([sys.executable, "-c", code, str(state_dir), str(tmp_path)])
        while not (children := psutil.Process(starter.pid).children()):
            assert starter.poll() is None
        return starter, children[0].pid

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield start
    signal.signal(signal.SIGINT, before)


INTERRUPTED = """
import os, signal, subprocess, sys
from pathlib import Path
from laptop_cloud.process import start

class Interrupted(subprocess.Popen):
    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        print(self.pid, flush=True)
        os.kill(os.getpid(), signal.SIGINT)

subprocess.Popen = Interrupted
start(state_dir=Path(sys.argv[1]), assembly=Path(sys.argv[2]))
"""


def test_ctrl_c_while_its_process_is_made_leaves_nothing(
    state_dir: Path, tmp_path: Path, eventually: Eventually
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-c", INTERRUPTED, str(state_dir), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    signal.signal(signal.SIGINT, before)

    assert "KeyboardInterrupt" in ended.stderr
    eventually(lambda: not alive(int(ended.stdout)))
    assert not process.stop(state_dir)


def test_ctrl_c_while_it_starts_leaves_nothing(
    start_alone: Callable[[], tuple[subprocess.Popen[bytes], int]], state_dir: Path, eventually: Eventually
) -> None:
    starter, cloud = start_alone()
    # Its program has begun: from here on, a record is all that tells of it.
    eventually(lambda: "laptop_cloud" in psutil.Process(cloud).cmdline())

    starter.send_signal(signal.SIGINT)
    starter.wait()

    eventually(lambda: not alive(cloud))
    assert not process.stop(state_dir)


def test_one_whose_starter_was_killed_is_stopped_without_a_record(
    start_alone: Callable[[], tuple[subprocess.Popen[bytes], int]], state_dir: Path, eventually: Eventually
) -> None:
    starter, cloud = start_alone()
    eventually(lambda: "laptop_cloud" in psutil.Process(cloud).cmdline())

    starter.kill()
    starter.wait()

    assert process.stop(state_dir)
    eventually(lambda: not alive(cloud))


def test_two_that_start_at_the_same_moment_are_two(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    try:
        with ThreadPoolExecutor(2) as both:
            clouds = list(both.map(lambda folder: process.start(state_dir=folder, assembly=tmp_path), folders))

        assert len({cloud.port for cloud in clouds}) == 2
        assert all(process.running(folder) == cloud for folder, cloud in zip(folders, clouds, strict=True))
    finally:
        for folder in folders:
            process.stop(folder)


def test_its_environment_sends_every_client_to_it(cloud: RunningCloud) -> None:
    assert client_of(cloud, "sts").get_caller_identity()["Account"] == cloud.account


def test_it_keeps_everything_in_its_state_directory(state_dir: Path, tmp_path: Path) -> None:
    cloud = process.start(state_dir=state_dir, assembly=tmp_path, port=free_port())
    s3 = client_of(cloud, "s3")
    s3.create_bucket(Bucket="trips")
    s3.put_object(Bucket="trips", Key="a", Body=b"x" * 100_000)
    time.sleep(0.1)

    on_disk = [file for file in (state_dir / "s3").rglob("*") if file.is_file() and file.stat().st_size == 100_000]

    assert len(on_disk) == 1
    assert s3.get_object(Bucket="trips", Key="a")["Body"].read() == b"x" * 100_000
