"""A delivery is synthesised three times: as it begins, with an image and all environments, and for GitHub Actions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import ROOT
from infra.delivery.application import build_delivery
from infra.topology import read_topology
from tests.infra.assembly import Assembly
from tests.infra.conftest import USE_CASES
from tests.infra.organisation.conftest import CHANGED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX, HOME, REGION = "trial", "900000000004", "eu-central-1"
REPOSITORY = f"{HOME}.dkr.ecr.{REGION}.amazonaws.com/{PREFIX}-model"
IMAGE = f"{REPOSITORY}@sha256:{'5ea1' * 16}"
TOPOLOGY = CHANGED.relative_to(ROOT).as_posix()
ENVIRONMENTS = {
    "Development": ("900000000003", "trial"),
    "Staging": ("900000000007", "rehearsal"),
    "Production": ("900000000008", "trial"),
}
"""The account of each, and the prefix by its file of settings."""


@dataclass(frozen=True)
class Environment:
    """The stacks of one environment, as the pipeline is handed them."""

    path: Path

    @cached_property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """What the manifest says of each, by the name that it has in its account."""
        artifacts = json.loads((self.path / "manifest.json").read_text())["artifacts"]
        names = {key: one.get("properties", {}).get("stackName", key) for key, one in artifacts.items()}
        return {
            names[key]: {**one, "dependencies": [names[name] for name in one.get("dependencies", [])]}
            for key, one in artifacts.items()
            if one["type"] == "aws:cloudformation:stack"
        }

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        """The templates, by the same name."""
        return {
            name: json.loads((self.path / one["properties"]["templateFile"]).read_text())
            for name, one in self.stacks.items()
        }

    def assembly(self, prefix: str) -> Assembly:
        """As other tests read one."""
        templates = {name.removeprefix(f"{prefix}-"): template for name, template in self.templates.items()}
        return Assembly(self.path, prefix, templates)


def open_environment(pipeline: Assembly, name: str) -> Environment:
    return Environment(pipeline.path / f"assembly-{PREFIX}-pipeline-{name}")


def read_stages(pipeline: Assembly) -> dict[str, list[dict[str, Any]]]:
    """The pipeline's stages, in their order, each with its actions by the order in which they run."""
    [found] = pipeline.find("AWS::CodePipeline::Pipeline")
    stages = found.properties["Stages"]
    return {stage["Name"]: sorted(stage["Actions"], key=lambda action: action["RunOrder"]) for stage in stages}


def read_builds(pipeline: Assembly) -> dict[str, dict[str, Any]]:
    """What each build runs, by its action's name: the project, and its buildspec under `spec`."""
    found = {}
    for actions in read_stages(pipeline).values():
        for action in actions:
            if action["ActionTypeId"]["Provider"] == "CodeBuild":
                name = action["Configuration"]["ProjectName"].strip("<>")
                project = pipeline.one("AWS::CodeBuild::Project", name).properties
                spec = project["Source"]["BuildSpec"]
                # The one that uploads packages is told by a file: it grows with them.
                text = spec if spec.startswith("{") else "{}"
                found[action["Name"]] = {**project, "spec": json.loads(text)}
    return found


def synthesise_delivery(folder: Path, kind: str, **context: object) -> Assembly:
    given: Mapping[str, object] = {"topology": TOPOLOGY, "delivery": kind, **context}
    build_delivery(context=given, outdir=str(folder), use_cases=USE_CASES).synth()
    return Assembly.load(folder, prefix=PREFIX)


@pytest.fixture(scope="session")
def begun(assembly: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The pipeline as somebody deploys it by hand; after the loop, for the reason that the organisation is."""
    assert assembly
    return synthesise_delivery(tmp_path_factory.mktemp("begun"), "pipeline")


@pytest.fixture(scope="session")
def delivered(begun: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """As it synthesises itself, when it has built an image."""
    assert begun
    return synthesise_delivery(tmp_path_factory.mktemp("delivered"), "pipeline", model_image=IMAGE)


@pytest.fixture(scope="session")
def github(begun: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """What GitHub Actions need instead."""
    assert begun
    return synthesise_delivery(tmp_path_factory.mktemp("github"), "github")


@pytest.fixture(scope="session")
def organisation_of_tests() -> Any:
    """The topology that all three are of."""
    return read_topology(CHANGED)
