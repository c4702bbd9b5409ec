"""`laptop-cloud`, as somebody types it who has a CDK application of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = Path(sys.executable).parent
APPLICATION = """
from aws_cdk import App, CfnOutput, Stack, aws_sqs as sqs

app = App()
stack = Stack(app, "post")
CfnOutput(stack, "Letters", value=sqs.Queue(stack, "Queue").queue_url)
app.synth()
"""


@pytest.fixture
def laptop_cloud(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """`laptop_cloud("up")`: the command in a folder of its own; what it started is stopped."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        command = [str(PROGRAMS / "laptop-cloud"), *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    yield run
    run("down")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "post-office"
    folder.mkdir()
    (folder / "app.py").write_text(APPLICATION)
    (folder / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
    return folder


def test_an_application_is_up_works_and_is_gone(
    laptop_cloud: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    up = laptop_cloud("up", "post-office")
    assert up.returncode == 0, up.stderr

    url = json.loads(up.stdout)["post"]["Letters"]
    cloud = json.loads(laptop_cloud("status").stdout)
    sqs = boto3.client(
        "sqs",
        endpoint_url=cloud["endpoint_url"],
        region_name=cloud["region"],
        aws_access_key_id=cloud["account"],
        aws_secret_access_key="any",  # noqa: S106 -- the laptop cloud takes any
    )
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    assert f"export AWS_ENDPOINT_URL={cloud['endpoint_url']}" in laptop_cloud("env").stdout.splitlines()

    assert laptop_cloud("down").stderr.strip() == "stopped"
    assert laptop_cloud("status").returncode == 1
    assert project.exists()


def test_an_application_that_cannot_be_synthesized_starts_nothing(
    laptop_cloud: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    (project / "app.py").write_text("raise SystemExit('no stacks today')")

    up = laptop_cloud("up", "post-office")

    assert up.returncode == 1
    assert "no stacks today" in up.stderr
    assert "Traceback" not in up.stderr
    assert laptop_cloud("status").returncode == 1


def test_a_clock_of_its_own_is_set_told_and_moved(
    laptop_cloud: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    up = laptop_cloud("up", "--clock", "2026-03-01T00:00:00Z")
    assert up.returncode == 0, up.stderr

    moved = json.loads(laptop_cloud("clock", "--to", "2026-03-04T00:00:00Z").stdout)
    assert moved["now"].startswith("2026-03-04T00:00:")
    refused = laptop_cloud("clock", "--to", "2026-03-01T00:00:00Z", "--jump")
    assert refused.returncode == 1
    assert "only moves forward" in refused.stderr
