"""The application is synthesised once with its defaults and once with every setting changed; tests read the results."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import build_app
from infra.packages import Packages
from tests.infra.assembly import Assembly
from tests.infra.package_files import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

USE_CASES = ("taxi_eta",)
"""Those of these tests: whatever else is installed changes no golden table."""

# Text, as `cdk -c name=value` gives it.
OVERRIDES = {
    "prefix": "trial",
    "approver_email": "approver@example.com",
    "operator_email": "operator@example.com",
    "approver_mfa": "true",
    "approver_permission_set": "trial-approver",
    "rollout": "canary",
    "capture_percent": "25",
    "trust_outcome_times": "true",
    "capture_days": "30",
    "query_gib": "2",
    "keep_data": "true",
    "noncurrent_days": "14",
    "container_engine": "podman",
    "log_retention": "ONE_WEEK",
    "access_log_days": "7",
    "archive_days": "30",
    "transform_memory_mb": "3538",
    "chunks_at_once": "40",
    "model_image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/trial-model@sha256:" + "5ea1" * 16,
    "training_instance": "ml.m5.4xlarge",
    "training_hours": "5",
    "staging_instance": "ml.c5.large",
    "production_instance": "ml.c5.2xlarge",
    "production_instances": "3",
    "api_logs": "new_role",
    "api_requests_per_s": "7.5",
    "api_burst": "9",
}


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The application as `cdk synth` makes it in a fresh checkout."""
    return synthesise(tmp_path_factory.mktemp("assembly"), {})


@pytest.fixture(scope="session")
def customised(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The application with every setting other than its default."""
    return synthesise(tmp_path_factory.mktemp("customised"), OVERRIDES)


@pytest.fixture(scope="session")
def in_functions(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The application where models answer in functions."""
    return synthesise(tmp_path_factory.mktemp("in-functions"), {"serving": "function"})


def synthesise(folder: Path, context: Mapping[str, object]) -> Assembly:
    """The application with some settings of its own."""
    build_app(context=context, outdir=str(folder), use_cases=USE_CASES).synth()
    return Assembly.load(folder, prefix=str(context.get("prefix", "noriba")))


@pytest.fixture(scope="session")
def packages() -> Packages:
    """The packages of this checkout."""
    return Packages(ROOT, ROOT / ".build")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another clone: the same files, younger, in another place and with stricter permissions."""
    for folder in ("src/noriba", "usecases", "functions", "containers"):
        shutil.copytree(ROOT / folder, tmp_path / "clone" / folder, copy_function=shutil.copyfile)
    for module in (tmp_path / "clone").rglob("*.py"):
        module.chmod(0o600)
        os.utime(module, (2_000_000_000, 2_000_000_000))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


@pytest.fixture(scope="session")
def actions_of_aws() -> dict[str, Any]:
    """Actions and the kinds of resource that they know, as AWS publishes them and cfn-lint ships them."""
    specification = find_spec("cfnlint")
    assert specification is not None
    [folder] = specification.submodule_search_locations or []
    published: dict[str, Any] = json.loads(Path(folder, "data/AdditionalSpecs/Policies.json").read_text())
    return published


def look_up(actions_of_aws: dict[str, Any], action: str) -> list[str]:
    """The kinds of resource that an action knows; KeyError for an action that AWS does not have."""
    service, name = action.split(":")
    kinds: list[str] = actions_of_aws[service]["Actions"][name.lower()].get("Resources", [])
    return kinds
