"""GitHub Actions: who is believed to be which environment, what it may take, and the workflow that takes it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
import yaml

from infra.application import ROOT
from infra.delivery.application import KINDS
from infra.delivery.github import IMAGES, name_subject
from infra.topology import GitHub
from noriba.cli.main import build_app
from tests.infra.assembly import as_list
from tests.infra.delivery.conftest import HOME, REGION

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly, Resource

ISSUER = "token.actions.githubusercontent.com"
ACCOUNTS = {
    "images": ("a-events", HOME),
    "development": ("a-training", "900000000003"),
    "staging": ("a-staging", "900000000007"),
    "production": ("a-serving", "900000000008"),
}
WORKFLOW = ROOT / "docs/examples/deliver.yml"


def find_roles(github: Assembly, environment: str) -> dict[str, Resource]:
    stack = f"github-{ACCOUNTS[environment][0]}"
    return {str(one.properties["RoleName"]): one for one in github.find("AWS::IAM::Role", stack=stack)}


def list_allowed(github: Assembly, environment: str, role: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    logical_id = find_roles(github, environment)[role].logical_id
    found = {}
    for policy in github.find("AWS::IAM::Policy", stack=f"github-{ACCOUNTS[environment][0]}"):
        if policy.logical_id.startswith(logical_id[:-8] + "DefaultPolicy"):
            for statement in policy.properties["PolicyDocument"]["Statement"]:
                found[tuple(as_list(statement["Action"]))] = tuple(as_list(statement["Resource"]))
    return found


# --- who is believed --------------------------------------------------------------------------------------------------


def test_there_is_a_role_for_each_environment_in_its_account(github: Assembly) -> None:
    roles = {environment: set(find_roles(github, environment)) for environment in ACCOUNTS}

    assert roles == {
        "images": {"trial-github-images"},
        "development": {"trial-github-development"},
        "staging": {"trial-github-staging", "trial-github-staging-asker"},
        "production": {"trial-github-production"},
    }


@pytest.mark.parametrize("environment", ACCOUNTS)
def test_a_role_believes_its_repository_and_environment_to_the_letter(github: Assembly, environment: str) -> None:
    _, account = ACCOUNTS[environment]
    for role in find_roles(github, environment).values():
        [trust] = role.properties["AssumeRolePolicyDocument"]["Statement"]

        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert trust["Effect"] == "Allow"
        assert trust["Condition"] == {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": f"repo:changed-owner@424242/changed-name@777777:environment:{environment}",
            }
        }
        # By the account's own provider: made, or found.
        provider = f"arn:<AWS::Partition>:iam::{account}:oidc-provider/{ISSUER}"
        assert trust["Principal"] == {"Federated": provider if environment == "staging" else "<Provider.Arn>"}
        assert role.properties["MaxSessionDuration"] == 3600


def test_where_tokens_tell_names_alone_names_are_believed(organisation_of_tests: Any) -> None:
    delivery = organisation_of_tests.delivery.model_copy(update={"github": GitHub()})

    assert name_subject(delivery, "production") == "repo:changed-owner/changed-name:environment:production"


def test_the_provider_is_made_once_an_account_and_by_no_thumbprint(github: Assembly) -> None:
    providers = github.find("AWS::IAM::OIDCProvider")

    assert {one.stack for one in providers} == {f"github-{ACCOUNTS[name][0]}" for name in ACCOUNTS} - {
        "github-a-staging"
    }
    for provider in providers:
        assert provider.properties["Url"] == f"https://{ISSUER}"
        assert provider.properties["ClientIdList"] == ["sts.amazonaws.com"]
        assert "ThumbprintList" not in provider.properties


# --- what they may take -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_who_deploys_may_take_two_roles_of_its_account_s_bootstrap_and_nothing_else(
    github: Assembly, environment: str
) -> None:
    _, account = ACCOUNTS[environment]
    role = f"arn:<AWS::Partition>:iam::{account}:role/cdk-hnb659fds-{{}}-{account}-{REGION}"

    assert list_allowed(github, environment, f"trial-github-{environment}") == {
        ("sts:AssumeRole",): (role.format("deploy-role"), role.format("file-publishing-role"))
    }


def test_who_builds_the_image_pushes_and_deploys_nothing(github: Assembly) -> None:
    allowed = list_allowed(github, IMAGES, "trial-github-images")
    repository = f"arn:aws:ecr:{REGION}:{HOME}:repository/trial-model"

    assert set(allowed.values()) == {("*",), (repository,)}
    assert {action for actions, where in allowed.items() for action in actions if where == ("*",)} == {
        "ecr:GetAuthorizationToken"
    }


def test_who_asks_staging_finds_the_api_and_nothing_else(github: Assembly) -> None:
    allowed = list_allowed(github, "staging", "trial-github-staging-asker")

    assert set(allowed) == {("cloudformation:DescribeStacks",), ("apigateway:GET",)}
    # By staging's own prefix.
    assert "stack/rehearsal-*" in allowed["cloudformation:DescribeStacks",][0]


# --- the workflow -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return found


def list_commands(job: dict[str, Any]) -> list[str]:
    return [line.strip() for step in job["steps"] for line in step.get("run", "").splitlines()]


def test_jobs_come_in_the_order_of_a_delivery(workflow: dict[str, Any]) -> None:
    waits = {name: set(as_list(job.get("needs", []))) for name, job in workflow["jobs"].items()}

    assert waits == {
        "test": set(),
        "image": {"test"},
        "development": {"image"},
        "staging": {"image", "development"},
        "production": {"image", "staging"},
    }


def test_a_job_is_in_the_environment_that_its_role_believes(workflow: dict[str, Any]) -> None:
    environments = {name: job.get("environment") for name, job in workflow["jobs"].items()}

    assert environments == {"test": None, "image": "images"} | {
        name: name for name in ("development", "staging", "production")
    }
    assert set(filter(None, environments.values())) == set(ACCOUNTS)


def test_a_token_is_given_to_those_who_deploy_and_nothing_else_to_anybody(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        token = {} if name == "test" else {"id-token": "write"}
        assert job["permissions"] == {"contents": "read", **token}, name
    # Nothing that could be lost.
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")


def test_actions_are_pinned_by_commit(workflow: dict[str, Any]) -> None:
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]

    assert len(used) == 10
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action


def test_packages_are_fetched_before_there_are_credentials(workflow: dict[str, Any]) -> None:
    for name in ("image", "development", "staging", "production"):
        steps = workflow["jobs"][name]["steps"]
        takes = [step.get("uses", "").startswith("aws-actions/") for step in steps]
        setup = [step.get("run") == "make setup" for step in steps]

        assert setup.index(True) < takes.index(True), name


def test_every_environment_is_handed_the_digest_that_was_let_through(workflow: dict[str, Any]) -> None:
    assert workflow["jobs"]["image"]["outputs"] == {"uri": "${{ steps.publish.outputs.uri }}"}
    for name in ("development", "staging", "production"):
        job = workflow["jobs"][name]
        [deploy] = [step for step in job["steps"] if "cdk deploy" in step.get("run", "")]

        assert deploy["env"]["MODEL_IMAGE"] == "${{ needs.image.outputs.uri }}"
        assert '-c model_image="$MODEL_IMAGE"' in deploy["run"]


def test_commands_are_there(workflow: dict[str, Any]) -> None:
    lines = [line for job in workflow["jobs"].values() for line in list_commands(job)]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    [asks] = {line for line in lines if line.startswith(".venv/bin/noriba ")}
    words = shlex.split(asks)
    found = typer.main.get_command(build_app()).commands[words[1]]  # type: ignore[attr-defined]  # a group has them
    options = {option for parameter in found.params for option in parameter.opts}

    assert {line.split()[1] for line in lines if line.startswith("make ")} == {"setup", "test"} <= set(targets)
    assert {word for word in words if word.startswith("--")} <= options
    assert "scripts/install_debian_packages" in lines
    assert (ROOT / "infra/delivery/publish.py").is_file()
    assert any(line.startswith(".venv/bin/python -m infra.delivery.publish ") for line in lines)


def test_no_value_of_github_is_put_into_a_command(workflow: dict[str, Any]) -> None:
    """It goes by a variable: what somebody names an environment's variable is text, and no program."""
    for job in workflow["jobs"].values():
        assert not [line for line in list_commands(job) if "${{" in line]


def test_both_kinds_are_known() -> None:
    assert KINDS == ("pipeline", "github")
