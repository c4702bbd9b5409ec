"""One image, built and scanned once, is what every environment runs: by its digest, wherever it is named."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.settings import IMAGE as BY_DIGEST
from tests.infra.assembly import as_list
from tests.infra.delivery.conftest import ENVIRONMENTS, HOME, IMAGE, REGION, open_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.assembly import Assembly

REPOSITORY_ARN = f"arn:<AWS::Partition>:ecr:{REGION}:{HOME}:repository/trial-model"


def walk_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from walk_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk_texts(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_environment_names_an_image_by_a_tag(delivered: Assembly, name: str) -> None:
    found = set()
    for template in open_environment(delivered, name).templates.values():
        for text in walk_texts(template):
            found |= set(re.findall(r"[\w.-]+\.dkr\.ecr\.[^\s\"'\\]+", text))

    assert found == {IMAGE}
    assert re.fullmatch(BY_DIGEST, IMAGE)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_environment_builds_an_image_of_its_own(delivered: Assembly, name: str) -> None:
    manifests = list(open_environment(delivered, name).path.glob("*.assets.json"))

    assert len(manifests) >= 10
    for manifest in manifests:
        assert not json.loads(manifest.read_text()).get("dockerImages"), manifest.name
    for template in open_environment(delivered, name).templates.values():
        assert "container-assets" not in json.dumps(template)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_train_looks_at_the_image_in_the_account_that_has_it(delivered: Assembly, name: str) -> None:
    _, prefix = ENVIRONMENTS[name]
    definition = open_environment(delivered, name).assembly(prefix).machine("TrainMachine")
    looked = definition["States"]["Look at the image"]["Parameters"]

    assert looked["RegistryId"] == HOME
    assert looked["RepositoryName"] == "trial-model"
    assert looked["ImageIds"] == [{"ImageDigest": IMAGE.partition("@")[2]}]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_roles_may_pull_that_image_and_no_other(delivered: Assembly, name: str) -> None:
    _, prefix = ENVIRONMENTS[name]
    pulling = [
        statement
        for statement in open_environment(delivered, name).assembly(prefix).identity_statements()
        if any(action.startswith("ecr:") for action in statement.actions)
        and statement.actions != ("ecr:GetAuthorizationToken",)
    ]

    # Jobs, models, TRAIN, and who registers.
    assert len(pulling) == 4
    for statement in pulling:
        actions = [action for action in statement.actions if action.startswith("ecr:")]
        assert statement.resources == (REPOSITORY_ARN,), (statement.owner, actions)


def test_the_repository_keeps_what_a_tag_meant_and_is_scanned(delivered: Assembly) -> None:
    [repository] = delivered.find("AWS::ECR::Repository")

    assert repository.stack == "images"
    assert repository.properties["ImageTagMutability"] == "IMMUTABLE"
    assert repository.properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    # Models name the image that they were trained with, however old they are.
    assert "LifecyclePolicy" not in repository.properties
    assert repository.attributes["DeletionPolicy"] == "Retain"


def test_the_environments_pull_from_it_and_push_nothing(delivered: Assembly) -> None:
    [repository] = delivered.find("AWS::ECR::Repository")
    [statement] = repository.properties["RepositoryPolicyText"]["Statement"]
    accounts = {f"arn:<AWS::Partition>:iam::{account}:root" for account, _ in ENVIRONMENTS.values()}

    assert set(statement["Principal"]["AWS"]) == accounts
    assert set(as_list(statement["Action"])) == {
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages"),
        "ecr:GetDownloadUrlForLayer",
    }


def test_all_actions_of_environments_are_let_in_by_the_repository(delivered: Assembly) -> None:
    """AWS asks both accounts."""
    [repository] = delivered.find("AWS::ECR::Repository")
    [statement] = repository.properties["RepositoryPolicyText"]["Statement"]
    _, prefix = ENVIRONMENTS["Production"]
    asked = {
        action
        for one in open_environment(delivered, "Production").assembly(prefix).identity_statements()
        for action in one.actions
        if action.startswith("ecr:") and action != "ecr:GetAuthorizationToken"
    }

    assert asked == set(statement["Action"])
