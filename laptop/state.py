"""Where the laptop cloud of this project keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from laptop.organisation import describe_environment
from laptop_cloud.process import running
from laptop_cloud.shared_clock import enter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laptop_cloud.process import RunningCloud

PROJECT_ROOT = Path(__file__).parent.parent
# Another folder is another laptop cloud; the two run side by side.
HOME = Path(os.environ.get("NORIBA_HOME", PROJECT_ROOT / ".noriba")).resolve()
STATE_DIR = HOME / "laptop"
ASSEMBLY = HOME / "cdk.out"
REPORT = HOME / "demo-report.json"
DEMO_FILES = HOME / "demo"

# `noriba.toml` is for an account of AWS: other names, e-mails, instances, what was kept there.
NO_SETTINGS = {"NORIBA_SETTINGS": ""}

# Whoever set one of these has said where commands are to go.
_CHOICES = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "NORIBA_PROFILES",
)


def make_private_home() -> None:
    """Make the folder, for nobody else's eyes: trips stand in it as they were landed."""
    HOME.mkdir(parents=True, exist_ok=True)
    HOME.chmod(0o700)


def choose_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable that names the settings of the laptop's stacks: a file only where somebody named one."""
    return {**NO_SETTINGS, **{name: value for name, value in environment.items() if name in NO_SETTINGS}}


def find_cloud() -> RunningCloud | None:
    """The laptop cloud of this project, if it runs."""
    return running(STATE_DIR)


def point_here_unless_told_otherwise() -> None:
    """Send this process's AWS clients to the running laptop cloud, unless the environment names another place.

    Whoever is sent there tells its time, too: "the last 24 hours" are those of the cloud.
    """
    cloud = find_cloud_in_use()
    if cloud is None:
        return
    if not _list_choices():
        os.environ.update(read_environment(cloud))
    if cloud.clock is not None:
        enter(cloud.clock)


def read_environment(cloud: RunningCloud) -> dict[str, str]:
    """The variables that send AWS clients to the cloud of this project, and to its accounts where it has several."""
    return describe_environment(cloud, STATE_DIR)


def find_cloud_in_use() -> RunningCloud | None:
    """The laptop cloud of this project, if it runs and the environment names no other place."""
    chosen = _list_choices()
    if chosen and "AWS_ENDPOINT_URL" not in chosen:
        return None
    cloud = find_cloud()
    if cloud is None or (chosen and os.environ["AWS_ENDPOINT_URL"] != cloud.endpoint_url):
        return None
    return cloud


def _list_choices() -> list[str]:
    return [name for name in _CHOICES if name in os.environ]
