"""Where models answer in functions: nothing runs while nobody asks, and a rollout is the same, state by state."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import build_app
from infra.settings_file import SettingsError
from infra.topology import SPREAD
from noriba.costs import estimate as costs
from tests.infra.assembly import read_acknowledgements
from tests.infra.package_files import ROOT
from tests.infra.rollout.rollouts import CHAMPION, ENDPOINT, MISSING, SHADOW, describe, roll_out, say
from tests.infra.test_alarms import queries
from tests.infra.test_synthesis import read_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly

STREAM = "firehose:deliverystream/noriba-captures"
ENVIRONMENT = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}


@pytest.fixture(scope="session")
def machine(in_functions: Assembly) -> dict[str, Any]:
    return in_functions.machine("RolloutMachine")


@pytest.fixture(scope="session")
def of_sagemaker(assembly: Assembly) -> dict[str, Any]:
    return assembly.machine("RolloutMachine")


# --- what stands there ------------------------------------------------------------------------------------------------


def test_nothing_may_make_or_ask_an_endpoint_of_sagemaker_s(in_functions: Assembly) -> None:
    actions = {action for statement in in_functions.identity_statements() for action in statement.actions}

    assert {action for action in actions if "Endpoint" in action} == set()
    assert "sagemaker:CreateModel" not in actions


def test_each_role_may_do_this_and_no_more(in_functions: Assembly) -> None:
    granted: dict[str, dict[str, set[str]]] = {}
    for statement in in_functions.identity_statements():
        for action in statement.actions:
            granted.setdefault(statement.owner, {}).setdefault(action, set()).update(statement.resources)
    traced = {"xray:PutTraceSegments": {"*"}, "xray:PutTelemetryRecords": {"*"}}

    def logs(name: str) -> dict[str, set[str]]:
        return {key: {f"{name}Logs"} for key in ("logs:CreateLogStream", "logs:PutLogEvents")}

    assert granted["PredictRole"] == {
        **logs("Predict"),
        **traced,
        "s3:GetObject": {"ModelsBucket/*"},
        "dynamodb:GetItem": {"Ledger"},
        "firehose:PutRecordBatch": {STREAM},
        "kms:Decrypt": {"Key"},
    }
    assert granted["AskModelRole"] == {
        **logs("AskModel"),
        **traced,
        "s3:GetObject": {"ModelsBucket/*"},
        "dynamodb:GetItem": {"Ledger"},
        "kms:Decrypt": {"Key"},
    }
    assert granted["ChangeEndpointsRole"] == {
        **logs("ChangeEndpoints"),
        **traced,
        **{f"dynamodb:{action}Item": {"Ledger"} for action in ("Get", "Put", "Delete")},
        "kms:Decrypt": {"Key"},
        "kms:GenerateDataKey": {"Key"},
    }
    # A stream for all use cases writes where captures of theirs lie, and what it could not divide.
    assert granted["CaptureStreamRole"]["s3:PutObject"] == {
        "CapturesBucket/noriba-taxi-eta/*",
        "CapturesBucket/failed/*",
    }


def test_apps_functions_see_no_more_of_the_ledger_than_they_need(in_functions: Assembly) -> None:
    seen = {
        statement.owner: statement.conditions["ForAllValues:StringEquals"]["dynamodb:Attributes"]
        for statement in in_functions.identity_statements()
        if "dynamodb:GetItem" in statement.actions and statement.conditions
    }

    assert seen["AskModelRole"] == seen["DescribeServiceRole"] == ["use_case", "entry", "document"]
    assert "document" in seen["PredictRole"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Predict", "predict_in_process"),
        ("AskModel", "ask_model"),
        ("ChangeEndpoints", "change_endpoints"),
        ("CheckGoldenRequests", "check_golden_requests"),
        ("CheckLiveModels", "check_live_models"),
        ("ExplainPrediction", "explain_prediction"),
        ("DescribeService", "describe_service"),
        ("TidyRollouts", "tidy_rollouts"),
        ("JudgeRollout", "judge_rollout"),
    ],
)
def test_the_environment_says_where_models_are(in_functions: Assembly, name: str, folder: str) -> None:
    settings = importlib.import_module(f"functions.{folder}.handler").Settings
    given = in_functions.one("AWS::Lambda::Function", f"{name}Function").properties["Environment"]["Variables"]

    # All but the role of another account's staging.
    assert (
        given.keys() == {field.alias for field in settings.model_fields.values()} - {"STAGING_ROLE_ARN"} | ENVIRONMENT
    )
    settings.model_validate(given)


def test_what_is_counted_and_started_from_a_snapshot_stays_so(in_functions: Assembly) -> None:
    predict = in_functions.one("AWS::Lambda::Function", "PredictFunction").properties

    # Dashboards look for what it counts under this name.
    assert predict["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "predict"
    assert predict["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    [layer] = predict["Layers"]
    assert layer == "<LayerAnsweringFunctions>"


def test_the_same_alarms_watch_what_functions_measure(assembly: Assembly, in_functions: Assembly) -> None:
    def name_alarms(found: Assembly) -> set[str]:
        names = (one.properties.get("AlarmName") for one in found.find("AWS::CloudWatch::Alarm"))
        return {name for name in names if name}

    assert queries(in_functions) == {text.replace("AWS/SageMaker", "noriba/models") for text in queries(assembly)}
    assert name_alarms(in_functions) == name_alarms(assembly)
    judge = in_functions.one("AWS::Lambda::Function", "JudgeRolloutFunction").properties["Environment"]["Variables"]
    assert judge["METRICS_NAMESPACE"] == "noriba/models"


def test_a_line_s_own_words_say_which_folder_it_gets_into(in_functions: Assembly) -> None:
    stream = in_functions.one("AWS::KinesisFirehose::DeliveryStream", "CaptureStream").properties
    destination = stream["ExtendedS3DestinationConfiguration"]

    assert stream["DeliveryStreamName"] == "noriba-captures"
    assert stream["DeliveryStreamEncryptionConfigurationInput"]["KeyType"] == "CUSTOMER_MANAGED_CMK"
    assert destination["Prefix"] == (
        "!{partitionKeyFromQuery:endpoint}/!{partitionKeyFromQuery:variant}/"
        "!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/"
    )
    [processor] = destination["ProcessingConfiguration"]["Processors"]
    parameters = {one["ParameterName"]: one["ParameterValue"] for one in processor["Parameters"]}
    assert parameters["MetadataExtractionQuery"] == (
        "{endpoint:.eventMetadata.endpointName,variant:.eventMetadata.variantName}"
    )


def test_there_are_as_many_more_alarms_as_are_reckoned_with(assembly: Assembly, in_functions: Assembly) -> None:
    ours, theirs = (len(found.find("AWS::CloudWatch::Alarm")) for found in (in_functions, assembly))

    assert ours - theirs == costs.ALARMS_IN_FUNCTIONS


def test_cdk_nag_has_nothing_to_say_and_nothing_is_acknowledged_in_vain(in_functions: Assembly) -> None:
    reports = read_report(in_functions.path)
    declared, matched = read_acknowledgements(in_functions.path, reports.values())

    assert reports["AwsSolutions"]["violations"] == []
    assert declared == matched


def test_commands_are_told_that_there_is_nothing_to_ask_sagemaker_for(
    assembly: Assembly, in_functions: Assembly
) -> None:
    outputs = [
        found.templates["rollout"]["Outputs"].get("Serving", {}).get("Value") for found in (assembly, in_functions)
    ]

    assert outputs == [None, "function"]


def test_over_several_accounts_endpoints_answer(tmp_path: Path) -> None:
    context = {"serving": "function", SPREAD: str(ROOT / "topology.example.toml")}

    with pytest.raises(SettingsError, match="serving: functions answer where the whole loop has one account"):
        build_app(context=context, outdir=str(tmp_path))


# --- the rollout ------------------------------------------------------------------------------------------------------


def name_attempt(definition: dict[str, Any]) -> dict[str, Any]:
    """The machine with an attempt whose name a test can foresee; production answers with the model's own name."""
    name = definition["States"]["Name"]
    known = {**name, "Parameters": {**name["Parameters"], "attempt": "a1b2c3"}}
    del known["Parameters"]["attempt.$"]
    return {**definition, "States": {**definition["States"], "Name": known}}


def test_the_rollout_has_the_same_states_in_the_same_order(
    machine: dict[str, Any], of_sagemaker: dict[str, Any]
) -> None:
    def connect(definition: dict[str, Any]) -> dict[str, Any]:
        said = ("Type", "Next", "Choices", "Default", "ResultPath", "Seconds")
        return {
            name: {field: state[field] for field in said if field in state}
            for name, state in definition["States"].items()
        }

    assert connect(machine) == connect(of_sagemaker)


def test_sagemaker_is_asked_about_packages_alone(machine: dict[str, Any]) -> None:
    asked = {state["Resource"] for state in machine["States"].values() if "sagemaker" in state.get("Resource", "")}

    assert asked == {"arn:aws:states:::aws-sdk:sagemaker:describeModelPackage"}


def test_a_function_is_given_what_sagemaker_would_be_but_for_instances(
    machine: dict[str, Any], of_sagemaker: dict[str, Any]
) -> None:
    def give(definition: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = definition["States"]["Configure shadow"]["Parameters"]
        return given

    expected = give(of_sagemaker)
    for variants in ("ProductionVariants", "ShadowProductionVariants"):
        for variant in expected[variants]:
            del variant["InstanceType"], variant["InitialInstanceCount"]
    del expected["KmsKeyId"]
    expected["DataCaptureConfig"] = {"EnableCapture": True, "InitialSamplingPercentage": 100}

    assert give(machine)["Payload"] == {
        "use_case.$": "$.use_case",
        "action": "createEndpointConfig",
        "parameters": expected,
    }


def test_an_approved_model_reaches_production_by_the_same_steps(
    machine: dict[str, Any], of_sagemaker: dict[str, Any]
) -> None:
    def walk(definition: dict[str, Any]) -> list[str]:
        execution = roll_out(name_attempt(definition))
        assert execution.failure is None
        return list(execution.visited)

    assert walk(machine) == walk(of_sagemaker)


def test_the_first_model_gets_a_new_entry(machine: dict[str, Any]) -> None:
    execution = roll_out(name_attempt(machine), is_there_a_champion=MISSING, is_there_an_endpoint=MISSING)

    payload = execution.called("Create production endpoint")["Payload"]
    assert (payload["action"], payload["parameters"]["EndpointName"]) == ("createEndpoint", ENDPOINT)


def test_a_rejected_challenger_leaves_production_to_the_champion(machine: dict[str, Any]) -> None:
    execution = roll_out(
        name_attempt(machine),
        await_the_verdict_on_shadow=say("reject"),
        look_at_production_after_failure=[describe("InService", SHADOW), describe("Updating"), describe("InService")],
    )

    payload = execution.called("Restore the champion")["Payload"]
    assert payload["parameters"] == {"EndpointName": ENDPOINT, "EndpointConfigName": CHAMPION}
    assert execution.failure is not None
    assert execution.failure.error == "ChallengerRejectedError"
