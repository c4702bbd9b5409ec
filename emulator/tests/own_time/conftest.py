"""One laptop cloud with a clock of its own for all tests here; each makes its own resources, and may move the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR, connect, find_free_port, make_roles
from laptop_cloud import process
from laptop_cloud.driving import CloudClock, move_clock, read_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.tests.conftest import Clients
    from laptop_cloud.process import RunningCloud

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/laptop"
CONTAINER = Path(__file__).parent / "container"
TAG = "c10cc"


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, share_wheels: Callable[[Path], None]) -> Iterator[RunningCloud]:
    folder = tmp_path_factory.mktemp("clocked")
    share_wheels(folder)
    assembly = folder / "cdk.out"
    assembly.mkdir()
    asset = {
        "source": {"directory": str(CONTAINER), "dockerFile": "Dockerfile"},
        "destinations": {"here": {"repositoryName": "container-assets", "imageTag": TAG}},
    }
    (assembly / "Model.assets.json").write_text(json.dumps({"dockerImages": {TAG: asset}}))
    running = process.start(state_dir=folder / "state", assembly=assembly, port=find_free_port(), clock=BEGIN)
    make_roles(running)
    yield running
    process.stop(folder / "state")


@pytest.fixture(scope="session")
def image(cloud: RunningCloud) -> str:
    return f"{cloud.account}.dkr.ecr.{cloud.region}.amazonaws.com/container-assets:{TAG}"


@pytest.fixture(scope="session")
def client(cloud: RunningCloud) -> Clients:
    return connect(cloud)


@pytest.fixture(scope="session")
def neighbour(cloud: RunningCloud) -> Clients:
    """Clients of another account of this cloud: the fixture of the same name is kept for the other cloud."""
    return connect(cloud, NEIGHBOUR)


@pytest.fixture
def now(cloud: RunningCloud) -> Callable[[], datetime]:
    """`now()`: what the clock tells."""
    return lambda: read_clock(cloud).now


@pytest.fixture
def move(cloud: RunningCloud) -> Callable[..., CloudClock]:
    """`move(hours=3)`: moves the clock at once."""
    return lambda **by: move_clock(cloud, read_clock(cloud).now + timedelta(**by))


@pytest.fixture
def execute(client: Clients, name: str) -> Callable[..., str]:
    """`execute({"Type": "Wait", …})`: an execution of a machine that begins with this state; its ARN."""

    def start(first: dict[str, Any], **more: Any) -> str:
        definition = {"StartAt": "First", "States": {"First": {"End": True, **first}}, **more}
        states = client("stepfunctions")
        arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
        started: str = states.start_execution(stateMachineArn=arn)["executionArn"]
        return started

    return start


@pytest.fixture
def status(client: Clients) -> Callable[[str], str]:
    """`status(arn)`: of an execution."""
    return lambda arn: str(client("stepfunctions").describe_execution(executionArn=arn)["status"])
