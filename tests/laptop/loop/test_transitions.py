"""A feature is edited and deployed while the champion learned the old one: apps must not notice."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Protocol

import pytest

from laptop.state import NO_SETTINGS, PROJECT_ROOT
from laptop_cloud.deploy import DeployError, deploy, synthesize

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.aws.registry import ModelPackage
    from tests.laptop.loop.conftest import Caller, Loop

_NOT_SOURCES = shutil.ignore_patterns(".*", "cdk.out", "tests", "__pycache__")


class DeployEdited(Protocol):
    def __call__(self, **edits: tuple[str, str]) -> None: ...


@pytest.fixture
def deploy_edited(loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeployEdited:
    """`deploy_edited(features=("old", "new"))`: deploy the project with modules of the use case edited."""

    def run(**edits: tuple[str, str]) -> None:
        project, assembly = tmp_path / "project", tmp_path / "cdk.out"
        shutil.copytree(PROJECT_ROOT, project, ignore=_NOT_SOURCES)
        # Layers are made from the lock, which nobody edited.
        (project / ".build").symlink_to(PROJECT_ROOT / ".build")
        for module, (old, new) in edits.items():
            path = project / "usecases/taxi_eta" / f"{module}.py"
            source = path.read_text(encoding="utf-8")
            assert old in source
            path.write_text(source.replace(old, new), encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", f"{project}:{project / 'src'}")
        synthesize(project, assembly, environment=NO_SETTINGS)
        deploy(loop.cloud, assembly, lambda _line: None)

    return run


def read_served_code(loop: Loop) -> str:
    """Which code the API's alias serves."""
    functions = loop.session.clients.other("lambda")
    (name,) = (
        found["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for found in page["Functions"]
        if re.search("PredictFunction", found["FunctionName"])
    )
    return str(functions.get_function(FunctionName=name, Qualifier="live")["Configuration"]["CodeSha256"])


def test_a_feature_is_edited_and_deployed_without_one_failed_prediction(
    loop: Loop, champion: ModelPackage, caller: Caller, deploy_edited: DeployEdited
) -> None:
    before = read_served_code(loop)
    with caller:
        loop.eventually(lambda: len(caller.answers) > 20)
        deploy_edited(features=("return measure_haversine_m(", "return 1.000001 * measure_haversine_m("))
        asked = len(caller.answers)
        loop.eventually(lambda: len(caller.answers) > asked + 40)

    assert read_served_code(loop) != before
    assert {status for status, _version in caller.answers} == {200}
    assert len({version for _status, version in caller.answers}) == 1
    assert champion.version


def test_a_deployment_that_drops_an_input_of_the_champion_is_undone_before_an_app_notices(
    loop: Loop, champion: ModelPackage, caller: Caller, deploy_edited: DeployEdited
) -> None:
    before = read_served_code(loop)
    with caller:
        loop.eventually(lambda: len(caller.answers) > 20)
        with pytest.raises(DeployError) as refused:
            deploy_edited(
                features=("rain_mm_per_h", "rain_mm_per_day"),
                schema=('"rain_mm_per_h": np', '"rain_mm_per_day": np'),
            )
        asked = len(caller.answers)
        loop.eventually(lambda: len(caller.answers) > asked + 40)

    assert "taxi_eta: the model in production could not be asked any more" in str(refused.value)
    assert "missing input column rain_mm_per_h" in str(refused.value)
    assert read_served_code(loop) == before
    [serving] = loop.session.clients.cloudformation.describe_stacks(StackName="noriba-serving")["Stacks"]
    assert serving["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert {status for status, _version in caller.answers} == {200}
    assert champion.version
