"""Lambda functions: one runtime, one processor, traced; an environment that says what the handler reads, no more."""

from __future__ import annotations

import importlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noriba.aws.environment import Environment
from tests.infra.package_files import OF_THE_OTHER_SHAPE

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly, Resource

FOLDER = Path(__file__).parents[2] / "functions"
NAMES = sorted({path.parent.name for path in FOLDER.glob("*/handler.py")} - OF_THE_OTHER_SHAPE)


@pytest.fixture(scope="session")
def functions(assembly: Assembly) -> dict[str, Resource]:
    """Function resources by folder, told by the handler that their package holds."""
    sources = {(FOLDER / name / "handler.py").read_bytes(): name for name in NAMES}
    found = {}
    for resource in assembly.find("AWS::Lambda::Function"):
        asset = assembly.path / f"asset.{resource.properties['Code']['S3Key']}"
        with zipfile.ZipFile(asset) as package:
            found[sources[package.read("handler.py")]] = resource
    return found


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def test_every_folder_is_a_function_and_every_function_a_folder(
    assembly: Assembly, functions: dict[str, Resource]
) -> None:
    assert sorted(functions) == NAMES
    assert len(functions) == len(assembly.find("AWS::Lambda::Function"))


@pytest.mark.parametrize("name", NAMES)
def test_the_resource_is_named_after_the_folder(functions: dict[str, Resource], name: str) -> None:
    assert functions[name].name == f"{camel(name)}Function"
    assert functions[name].properties["Handler"] == "handler.handler"


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_graviton_with_python_3_14_and_is_traced(functions: dict[str, Resource], name: str) -> None:
    properties = functions[name].properties

    assert properties["Runtime"] == "python3.14"
    assert properties["Architectures"] == ["arm64"]
    assert properties["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_is_what_its_settings_read(functions: dict[str, Resource], name: str) -> None:
    module = importlib.import_module(f"functions.{name}.handler")
    settings: type[Environment] = getattr(module, "Settings", Environment)
    # What is not required is for several accounts, or for models that answer in functions.
    wanted = {field.alias for field in settings.model_fields.values() if field.is_required()}
    given = functions[name].properties["Environment"]["Variables"]

    assert given.keys() == {*wanted, "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
    # What it counts is found under these: see `noriba.records.metrics`.
    assert (given["POWERTOOLS_SERVICE_NAME"], given["POWERTOOLS_METRICS_NAMESPACE"]) == (name, "noriba")
    settings.model_validate(given)


@pytest.mark.parametrize("name", NAMES)
def test_its_logs_are_json_in_a_group_of_its_own(functions: dict[str, Resource], name: str) -> None:
    assert functions[name].properties["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": f"<{camel(name)}Logs>",
    }


@pytest.mark.parametrize("name", NAMES)
def test_its_role_is_its_own_and_lambda_alone_may_take_it(
    assembly: Assembly, functions: dict[str, Resource], name: str
) -> None:
    [statement] = assembly.one("AWS::IAM::Role", f"{camel(name)}Role").properties["AssumeRolePolicyDocument"][
        "Statement"
    ]

    assert functions[name].properties["Role"] == f"<{camel(name)}Role.Arn>"
    assert statement == {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }


@pytest.mark.parametrize("name", NAMES)
def test_its_layer_fits_its_runtime(assembly: Assembly, functions: dict[str, Resource], name: str) -> None:
    function = functions[name]
    [reference] = function.properties["Layers"]
    [layer] = [
        found
        for found in assembly.find("AWS::Lambda::LayerVersion")
        if found.stack == function.stack and f"<{found.name}>" == reference
    ]

    assert layer.properties["CompatibleRuntimes"] == [function.properties["Runtime"]]
    assert layer.properties["CompatibleArchitectures"] == function.properties["Architectures"]


def test_functions_of_the_api_answer_within_the_gateway_s_29_seconds(functions: dict[str, Resource]) -> None:
    for function in functions.values():
        # CloudFormation alone waits for the check of live models.
        if function.stack == "serving" and function.name != "CheckLiveModelsFunction":
            assert function.properties["Timeout"] < 29, function.name


def test_a_function_that_a_rule_invokes_keeps_what_it_fails_on(assembly: Assembly) -> None:
    arns = {
        target["Arn"]
        for rule in assembly.find("AWS::Events::Rule")
        for target in rule.properties["Targets"]
        if target["Arn"].endswith("Function.Arn>")
    }
    configs = {c.properties["FunctionName"]: c.properties for c in assembly.find("AWS::Lambda::EventInvokeConfig")}

    assert "<DecideRetrainingFunction.Arn>" in arns
    assert configs.keys() == {arn.replace(".Arn>", ">") for arn in arns}
    for config in configs.values():
        assert config["DestinationConfig"] == {"OnFailure": {"Destination": "<DeadLettersQueue.Arn>"}}
        assert config["MaximumRetryAttempts"] == 2


def test_only_the_rule_may_invoke_what_it_invokes(assembly: Assembly) -> None:
    for permission in assembly.find("AWS::Lambda::Permission"):
        properties = permission.properties

        assert properties["Action"] == "lambda:InvokeFunction"
        assert properties["Principal"] in {"events.amazonaws.com", "apigateway.amazonaws.com"}
        assert properties["SourceArn"], permission.logical_id


def test_predict_starts_from_a_snapshot_of_the_version_that_the_api_calls(
    assembly: Assembly, functions: dict[str, Resource]
) -> None:
    [alias] = assembly.find("AWS::Lambda::Alias")
    [version] = assembly.find("AWS::Lambda::Version")
    method = assembly.one("AWS::ApiGateway::Method", "Apiv1usecasepredictionsPOST")

    assert functions["predict"].properties["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert version.properties["FunctionName"] == "<PredictFunction>"
    assert alias.properties["FunctionVersion"] == f"<{version.logical_id}.Version>"
    assert f"functions/<{alias.name}>/invocations" in method.properties["Integration"]["Uri"]


def test_only_predict_pays_for_snapshots(functions: dict[str, Resource]) -> None:
    assert [name for name, function in functions.items() if "SnapStart" in function.properties] == ["predict"]


def test_a_change_of_code_makes_a_new_version(assembly: Assembly, customised: Assembly) -> None:
    """The version's logical id carries a hash of the function; with a fixed one, the alias would serve old code."""
    [version] = assembly.find("AWS::Lambda::Version")
    [changed] = customised.find("AWS::Lambda::Version")

    assert version.logical_id != changed.logical_id  # the environment differs


def test_apps_meet_a_version_only_when_it_has_asked_the_live_models(assembly: Assembly) -> None:
    [alias] = assembly.find("AWS::Lambda::Alias")
    [version] = assembly.find("AWS::Lambda::Version")
    [check] = assembly.find("Custom::LiveModelsChecked")

    assert check.properties == {
        "ServiceToken": "<CheckLiveModelsFunction.Arn>",
        "ServiceTimeout": "420",
        "CodeVersion": f"<{version.logical_id}.Version>",
    }
    assert check.logical_id in alias.attributes["DependsOn"]


def test_packages_are_published_as_they_were_zipped(assembly: Assembly, functions: dict[str, Resource]) -> None:
    for function in functions.values():
        manifest = json.loads((assembly.path / f"noriba-{function.stack}.assets.json").read_text())
        digest = function.properties["Code"]["S3Key"].removesuffix(".zip")

        assert manifest["files"][digest]["source"] == {"path": f"asset.{digest}.zip", "packaging": "file"}
