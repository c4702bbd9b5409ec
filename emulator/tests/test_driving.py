"""A cloud in real time cannot be driven, and says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from laptop_cloud import process
from laptop_cloud.driving import DrivingError, move_clock, pass_time, read_clock, wait_until_idle
from laptop_cloud.process import CloudError

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.tests.conftest import Clients
    from laptop_cloud.process import RunningCloud


def test_a_cloud_without_a_clock_of_its_own_lives_in_real_time(
    cloud: RunningCloud, client: Clients, cloud_state: Path, name: str
) -> None:
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="a", Body=b"")

    written = client("s3").head_object(Bucket=name, Key="a")["LastModified"]
    assert abs(written - datetime.now(UTC)) < timedelta(minutes=1)
    assert cloud.clock is None
    assert not (cloud_state / "clock").exists()


def test_it_has_nothing_to_drive(cloud: RunningCloud) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)

    for drive in (
        lambda: read_clock(cloud),
        lambda: move_clock(cloud, later),
        lambda: pass_time(cloud, later),
        lambda: wait_until_idle(cloud),
    ):
        with pytest.raises(DrivingError, match="lives in real time: start it with a clock"):
            drive()


def test_a_clock_cannot_be_given_to_a_cloud_that_runs_without(
    cloud: RunningCloud, cloud_state: Path, assembly: Path
) -> None:
    assert process.start(state_dir=cloud_state, assembly=assembly) == cloud
    with pytest.raises(CloudError, match="runs without a clock of its own; stop it first"):
        process.start(state_dir=cloud_state, assembly=assembly, clock=datetime.now(UTC))
