"""What the image installs is what the tests here ran with."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.containers.programs import PROGRAMS, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PIN = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)
HASHED = re.compile(r"^[a-z0-9-]+==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9-]+")


def read_pins(lock: Path) -> dict[str, set[str]]:
    pins = defaultdict(set)
    for name, version in PIN.findall(lock.read_text()):
        pins[name].add(version)
    return dict(pins)


def test_the_image_has_the_versions_that_the_project_is_locked_to() -> None:
    image, project = read_pins(PROGRAMS / "requirements.lock"), read_pins(REPOSITORY / "requirements.lock")

    assert image
    for name, versions in image.items():
        assert len(versions) == 1, f"{name} is pinned once"
        assert versions <= project.get(name, set()), f"{name} is another in requirements.lock"


def test_the_image_has_everything_that_the_library_and_its_model_extra_ask_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["model"]]
    names = {match[0].lower() for requirement in wanted if (match := NAME.match(requirement))}

    assert names <= read_pins(PROGRAMS / "requirements.lock").keys()


def test_every_package_of_the_image_is_checked_by_its_hash() -> None:
    lock = (PROGRAMS / "requirements.lock").read_text()

    assert len(HASHED.findall(lock)) == len(PIN.findall(lock))


def test_the_image_has_nothing_that_only_other_parts_need() -> None:
    pins = read_pins(PROGRAMS / "requirements.lock")

    assert pins.keys().isdisjoint({"boto3", "pandas", "aws-cdk-lib", "aws-lambda-powertools", "pytest", "sagemaker"})
