"""Synthesis: the same bytes every time and anywhere, without credentials, and nothing that the checkers object to."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

from infra.constructs.acknowledgements import acknowledge
from tests.infra.assembly import read_acknowledgements
from tests.infra.conftest import USE_CASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infra.assembly import Assembly

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


# --- the same bytes ---------------------------------------------------------------------------------------------------


def hash_files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_another_clone_gives_the_same_bytes_without_credentials(assembly: Assembly, tmp_path: Path) -> None:
    """Another folder with nothing built, another process, home, time zone, hash seed, and nothing that knows AWS."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(".*", "cdk.out", "tests", "__pycache__"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))},
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": f"{clone}:{clone / 'src'}",
        # Wheels that were fetched already.
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache/uv")),
        "TZ": "Asia/Tokyo",
        "PYTHONHASHSEED": "20261121",
        # Where jsii has unpacked CDK already; it takes ten seconds anew.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache"),
    }
    (tmp_path / "home").mkdir()
    program = f"from infra.application import build_app; build_app(outdir='out', use_cases={USE_CASES}).synth()"
    subprocess.run([sys.executable, "-c", program], cwd=clone, env=environment, check=True)

    assert hash_files(clone / "out") == hash_files(assembly.path)


def test_no_place_or_account_of_the_builder_stands_in_what_is_deployed(assembly: Assembly) -> None:
    for file in assembly.path.glob("*.json"):
        text = file.read_text()

        assert str(ROOT) not in text, file.name
        assert str(assembly.path) not in text, file.name
        assert str(Path.home()) + "/" not in text, file.name


def test_stacks_go_to_whichever_account_and_region_deploys_them(assembly: Assembly) -> None:
    artifacts = json.loads((assembly.path / "manifest.json").read_text())["artifacts"]
    environments = {a["environment"] for a in artifacts.values() if a["type"] == "aws:cloudformation:stack"}

    assert environments == {"aws://unknown-account/unknown-region"}


def test_stacks_wait_for_what_they_import(assembly: Assembly) -> None:
    artifacts = json.loads((assembly.path / "manifest.json").read_text())["artifacts"]

    def depends_on(stack: str) -> set[str]:
        return {name.removeprefix("noriba-") for name in artifacts[f"noriba-{stack}"]["dependencies"]} & (
            assembly.templates.keys()
        )

    assert depends_on("events") == set()
    assert depends_on("data") == {"events"}
    assert depends_on("registry") == {"events"}
    assert depends_on("training") == {"events", "data", "registry"}
    assert depends_on("rollout") == {"events", "data", "registry", "serving"}
    assert depends_on("serving") == {"events", "data", "registry"}
    assert depends_on("observations") == {"events", "data", "rollout", "serving"}
    # Serving among them: it gives the account the role that this API, too, logs by.
    assert depends_on("operators") == {"events", "registry", "serving", "observations"}
    # All others: it is the last.
    assert depends_on("people") == assembly.templates.keys() - {"people"}


def test_the_outputs_that_the_command_line_reads_are_there(assembly: Assembly) -> None:
    from noriba.aws.deployment import STACKS, Deployment  # noqa: PLC0415  # boto3 is needed by this test alone

    outputs = {name for template in assembly.templates.values() for name in template.get("Outputs", {})}
    wanted = {
        field.alias for name, field in Deployment.model_fields.items() if name != "prefix" and field.is_required()
    }

    # What a teardown empties, it finds by its output.
    assert {*wanted, "AccessLogsBucket"} <= outputs
    assert set(STACKS) == assembly.templates.keys()


# --- cfn-lint ---------------------------------------------------------------------------------------------------------


def test_cfn_lint_objects_to_a_planted_mistake_and_to_nothing_else(
    assembly: Assembly, in_functions: Assembly, tmp_path: Path
) -> None:
    planted = tmp_path / "planted.template.json"
    planted.write_text(
        json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}}})
    )
    command = [f"{BIN}/cfn-lint", "--config-file", f"{ROOT}/.cfnlintrc.yaml", "--format", "json"]
    # Of the other shape, the stacks that differ.
    others = [f"{in_functions.path}/noriba-{stack}.template.json" for stack in ("serving", "rollout", "operators")]
    templates = ["--template", f"{assembly.path}/*.template.json", *others, str(planted)]
    found = subprocess.run([*command, *templates], cwd=ROOT, capture_output=True, text=True, check=False)

    assert [(finding["Rule"]["Id"], finding["Filename"]) for finding in json.loads(found.stdout)] == [
        ("E3002", str(planted))
    ], found.stderr


# --- cdk-nag ----------------------------------------------------------------------------------------------------------


def read_report(folder: Path) -> dict[str, dict[str, Any]]:
    """What each checker says."""
    reports = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    return {report["pluginName"]: report for report in reports}


def test_cdk_nag_has_nothing_left_to_say(assembly: Assembly, customised: Assembly) -> None:
    for found in (assembly, customised):
        report = read_report(found.path)["AwsSolutions"]

        assert report["conclusion"] == "success"
        assert report["violations"] == []


def test_every_finding_that_stands_has_a_reason(assembly: Assembly) -> None:
    for report in read_report(assembly.path).values():
        for finding in report["suppressedViolations"]:
            assert len(finding["reason"].split()) >= 4, finding["acknowledgedId"]


def test_every_acknowledgement_is_of_a_finding(assembly: Assembly) -> None:
    """One that nothing matches hides the next mistake in its place."""
    declared, matched = read_acknowledgements(assembly.path, read_report(assembly.path).values())

    assert declared
    assert declared == matched


def describe_open_bucket(stack: Stack) -> None:
    s3.Bucket(stack, "Open")


def describe_acknowledged_bucket(stack: Stack) -> None:
    bucket = s3.Bucket(stack, "Open", enforce_ssl=True)
    acknowledge(bucket, "AwsSolutions-S1", reason="this test wants to see it stand")


@pytest.fixture
def check(tmp_path: Path) -> Callable[[Callable[[Stack], None]], dict[str, Any]]:
    """Synthesise one stack under cdk-nag."""

    def synthesise(describe: Callable[[Stack], None]) -> dict[str, Any]:
        app = App(outdir=str(tmp_path), analytics_reporting=False)
        describe(Stack(app, "Throwaway"))
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
        return read_report(tmp_path)["AwsSolutions"]

    return synthesise


def test_an_open_bucket_ends_the_synthesis(
    check: Callable[[Callable[[Stack], None]], dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        check(describe_open_bucket)

    rules = {violation["ruleName"] for violation in read_report(tmp_path)["AwsSolutions"]["violations"]}
    assert rules == {"AwsSolutions-S1", "AwsSolutions-S10"}


def test_an_acknowledged_finding_does_not(check: Callable[[Callable[[Stack], None]], dict[str, Any]]) -> None:
    report = check(describe_acknowledged_bucket)

    assert [finding["ruleName"] for finding in report["suppressedViolations"]] == ["AwsSolutions-S1"]
