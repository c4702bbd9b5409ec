"""When a cloud is gone, so is everything that ran in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from laptop_cloud import process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def own_cloud(tmp_path: Path, declare_image: Any, training_request: Any) -> Iterator[process.RunningCloud]:
    """A cloud beside that of the session, with a job in it that runs for a minute unless it is ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    declare_image(tmp_path / "cdk.out")
    own = process.start(state_dir=tmp_path / "state", assembly=tmp_path / "cdk.out", port=port)
    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=own.endpoint_url,
        region_name=own.region,
        aws_access_key_id=own.account,
        aws_secret_access_key=own.environment["AWS_SECRET_ACCESS_KEY"],
    )
    sagemaker.create_training_job(**training_request({"run_s": "60", "stubborn": "yes"}))
    yield own
    process.stop(tmp_path / "state")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_cloud(
    own_cloud: process.RunningCloud, eventually: Any, is_running: Any, ending: signal.Signals
) -> None:
    def trainer() -> int | None:
        children = subprocess.run(
            ["ps", "-o", "pid=,command=", "--ppid", str(own_cloud.pid)], capture_output=True, text=True, check=False
        )
        found = [line.split()[0] for line in children.stdout.splitlines() if line.endswith("/container/train")]
        return int(found[0]) if found else None

    program = eventually(trainer)

    os.kill(own_cloud.pid, ending)

    eventually(lambda: not is_running(program))
    eventually(lambda: not is_running(own_cloud.pid))
