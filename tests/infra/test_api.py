"""The apps' API: these routes and no others, keys where something is asked of a model, limits, no riders in logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import jsonschema
import pytest

from noriba.aws.clients import Clients
from noriba.serving.openapi import describe_api
from tests.infra.conftest import synthesise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly

ROUTES = {
    ("POST", "/v1/{use_case}/predictions"): ("<Live>", True),
    ("POST", "/v1/{use_case}/outcomes"): ("<RecordOutcomeFunction.Arn>", True),
    ("GET", "/v1/health"): ("<DescribeServiceFunction.Arn>", False),
    ("GET", "/v1/openapi.json"): ("<DescribeServiceFunction.Arn>", False),
}

CALLS = [("Predict", "sagemaker_runtime"), ("DescribeService", "sagemaker"), ("RecordOutcome", "events")]
CALLS += [("ExplainPrediction", "functions"), ("ExplainPrediction", "athena"), ("ExplainPrediction", "s3")]
BACKOFF_S = 1.0
"""The longest before the first retry: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""


def climb_paths(assembly: Assembly, *, stack: str) -> dict[str, str]:
    """The path of each resource, by reference."""
    resources = {f"<{r.name}>": r.properties for r in assembly.find("AWS::ApiGateway::Resource", stack=stack)}

    def climb(reference: str) -> str:
        if reference not in resources:
            return ""
        return f"{climb(resources[reference]['ParentId'])}/{resources[reference]['PathPart']}"

    return {reference: climb(reference) for reference in resources}


def routes(assembly: Assembly) -> dict[tuple[str, str], dict[str, Any]]:
    found = climb_paths(assembly, stack="serving")
    return {
        (method.properties["HttpMethod"], found[method.properties["ResourceId"]]): dict(method.properties)
        for method in assembly.find("AWS::ApiGateway::Method", stack="serving")
    }


@pytest.fixture(scope="session")
def stage(assembly: Assembly) -> dict[str, Any]:
    [found] = assembly.find("AWS::ApiGateway::Stage", stack="serving")
    return dict(found.properties)


def test_there_are_exactly_these_routes(assembly: Assembly) -> None:
    assert routes(assembly).keys() == ROUTES.keys()


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_route_hands_the_whole_request_to_its_function(assembly: Assembly, route: tuple[str, str]) -> None:
    target, _ = ROUTES[route]
    integration = routes(assembly)[route]["Integration"]

    assert integration["Type"] == "AWS_PROXY"
    assert integration["Uri"].endswith(f"functions/{target}/invocations")


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_key_is_asked_for_where_something_is_posted(assembly: Assembly, route: tuple[str, str]) -> None:
    _, needs_key = ROUTES[route]

    assert routes(assembly)[route]["ApiKeyRequired"] is needs_key
    assert needs_key == (route[0] == "POST")


def test_the_gateway_may_call_a_function_for_its_own_routes_only(assembly: Assembly) -> None:
    called: dict[str, set[str]] = {}
    for permission in assembly.find("AWS::Lambda::Permission", stack="serving"):
        if permission.properties["Principal"] == "apigateway.amazonaws.com":
            source = permission.properties["SourceArn"].split("<Api>/", 1)[1].split("/", 1)[1]
            called.setdefault(permission.properties["FunctionName"], set()).add(source)

    expected: dict[str, set[str]] = {}
    for (verb, path), (target, _) in ROUTES.items():
        expected.setdefault(target, set()).add(f"{verb}{path.replace('{use_case}', '*')}")
    assert called == expected


def test_the_usage_plan_and_the_stage_hold_the_same_limits(assembly: Assembly, customised: Assembly) -> None:
    for found, rate, burst in ((assembly, 50, 100), (customised, 7.5, 9)):
        [plan] = found.find("AWS::ApiGateway::UsagePlan")
        [stage] = found.find("AWS::ApiGateway::Stage", stack="serving")
        settings = stage.properties["MethodSettings"][0]

        assert plan.properties["Throttle"] == {"RateLimit": rate, "BurstLimit": burst}
        assert settings["ThrottlingRateLimit"] == rate
        assert settings["ThrottlingBurstLimit"] == burst
        assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")


def test_the_first_app_has_a_key_under_the_plan(assembly: Assembly) -> None:
    [key] = assembly.find("AWS::ApiGateway::ApiKey")
    [plan] = assembly.find("AWS::ApiGateway::UsagePlan")
    [joined] = assembly.find("AWS::ApiGateway::UsagePlanKey")

    assert joined.properties["KeyId"] == f"<{key.name}>"
    assert joined.properties["UsagePlanId"] == f"<{plan.name}>"
    assert "Value" not in key.properties  # a secret in a template is no secret
    assert [s["Stage"] for s in plan.properties["ApiStages"]] == ["<ApiDeploymentStagelive>"]


def test_routes_without_a_key_are_asked_once_a_second(assembly: Assembly, customised: Assembly) -> None:
    """Each request of the health costs us something, and anybody may ask."""
    for found in (assembly, customised):
        [stage] = found.find("AWS::ApiGateway::Stage", stack="serving")
        for settings in stage.properties["MethodSettings"][1:]:
            assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (1, 5)
        public = {(s["HttpMethod"], s["ResourcePath"]) for s in stage.properties["MethodSettings"][1:]}
        assert public == {("GET", "/~1v1~1health"), ("GET", "/~1v1~1openapi.json")}


def test_the_account_s_logging_role_is_not_touched_unasked(assembly: Assembly, customised: Assembly) -> None:
    """It is one for all APIs of an account and region, and would stay behind."""
    assert "AWS::ApiGateway::Account" not in {r.type for r in assembly.resources}
    for stage in assembly.find("AWS::ApiGateway::Stage"):
        # Without the role, a stage that logs cannot be made.
        assert "AccessLogSetting" not in stage.properties
        assert {s["LoggingLevel"] for s in stage.properties["MethodSettings"]} == {"OFF"}
    assert len(customised.find("AWS::ApiGateway::Account")) == 1


def test_where_the_account_has_a_logging_role_it_is_used(tmp_path: Path) -> None:
    found = synthesise(tmp_path, {"api_logs": "account_role"})

    assert "AWS::ApiGateway::Account" not in {r.type for r in found.resources}
    for stage in found.find("AWS::ApiGateway::Stage"):
        assert "AccessLogSetting" in stage.properties
        assert {s["LoggingLevel"] for s in stage.properties["MethodSettings"]} == {"ERROR"}


def test_the_log_that_the_gateway_would_make_is_there_before_the_stage_that_makes_it(customised: Assembly) -> None:
    for stack, api in (("serving", "Api"), ("operators", "OperatorsApi")):
        [stage] = customised.find("AWS::ApiGateway::Stage", stack=stack)
        groups = customised.find("AWS::Logs::LogGroup", stack=stack)
        [group] = [group for group in groups if group.name == "ExecutionLog"]

        assert group.properties["LogGroupName"] == f"API-Gateway-Execution-Logs_<{api}>/live"
        assert "RetentionInDays" in group.properties
        assert group.logical_id in stage.attributes["DependsOn"]


def test_the_access_log_says_what_was_asked_and_not_by_whom(customised: Assembly) -> None:
    for stage in customised.find("AWS::ApiGateway::Stage"):
        log_format = stage.properties["AccessLogSetting"]["Format"]

        assert {"requestId", "requestTime", "httpMethod", "resourcePath", "status"} <= json.loads(log_format).keys()
        # The resource's path has no id in it, as the request's has.
        for private in ("sourceIp", "identity", "caller", "user", "authorizer", "requestBody", "context.path"):
            assert private not in log_format


def test_bodies_are_never_logged(assembly: Assembly, customised: Assembly) -> None:
    stages = [stage for found in (assembly, customised) for stage in found.find("AWS::ApiGateway::Stage")]
    assert len(stages) == 4
    for stage in stages:
        for settings in stage.properties["MethodSettings"]:
            assert settings["DataTraceEnabled"] is False
            assert settings["LoggingLevel"] in {"OFF", "ERROR"}  # INFO would log requests


def test_the_stage_is_measured_and_traced(stage: dict[str, Any]) -> None:
    assert [settings["MetricsEnabled"] for settings in stage["MethodSettings"]] == [False] * 3
    assert stage["TracingEnabled"] is True
    assert stage["StageName"] == "live"


def test_the_gateway_s_own_errors_are_problem_documents(assembly: Assembly) -> None:
    for response in assembly.find("AWS::ApiGateway::GatewayResponse"):
        properties = response.properties
        template = properties["ResponseTemplates"]["application/json"]
        # The gateway puts its own words there, in quotes.
        problem = json.loads(template.replace("$context.error.messageString", '"Invalid header"'))
        common = properties["ResponseType"].startswith("DEFAULT_")

        assert properties["ResponseParameters"] == {
            "gatewayresponse.header.Content-Type": "'application/problem+json'"
        }, response.name
        assert problem.keys() == {"type", "title", "detail"} | (set() if common else {"status"}), response.name
        assert str(problem.get("status")) == str(properties.get("StatusCode")), response.name
        assert ("$context" in template) == common, response.name


def test_the_gateway_s_own_errors_are_what_the_api_says_of_itself(assembly: Assembly) -> None:
    document = describe_api([], version="1")
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    for response in assembly.find("AWS::ApiGateway::GatewayResponse"):
        template = response.properties["ResponseTemplates"]["application/json"]
        jsonschema.validate(json.loads(template.replace("$context.error.messageString", '"Invalid header"')), schema)


@pytest.mark.parametrize(("function", "service"), CALLS)
def test_a_function_outlives_what_it_asks(assembly: Assembly, function: str, service: str) -> None:
    """A service that does not answer is then a problem document (503), and no dead function (502)."""
    asked = getattr(Clients(boto3.Session(region_name="eu-west-1"), prompt=True), service).meta.config
    [found] = [f for f in assembly.find("AWS::Lambda::Function") if f.name.startswith(function)]
    attempts = asked.retries["total_max_attempts"]

    longest_s = attempts * (asked.connect_timeout + asked.read_timeout) + BACKOFF_S * (attempts - 1)
    assert longest_s < found.properties["Timeout"]


def test_all_errors_that_an_app_can_run_into_are_covered(assembly: Assembly) -> None:
    statuses = {
        r.properties["ResponseType"]: r.properties.get("StatusCode")
        for r in assembly.find("AWS::ApiGateway::GatewayResponse", stack="serving")
    }

    assert statuses == {
        "MISSING_AUTHENTICATION_TOKEN": "404",
        "INVALID_API_KEY": "403",
        "THROTTLED": "429",
        "QUOTA_EXCEEDED": "429",
        "REQUEST_TOO_LARGE": "413",
        "INTEGRATION_TIMEOUT": "504",
        "INTEGRATION_FAILURE": "502",
        # The status that each has.
        "DEFAULT_4XX": None,
        "DEFAULT_5XX": None,
    }


def test_the_deployment_waits_for_every_part_of_the_api(assembly: Assembly) -> None:
    """A deployment is a picture of the API; one taken before its last part would lack it."""
    for stack in ("serving", "operators"):
        [deployment] = assembly.find("AWS::ApiGateway::Deployment", stack=stack)
        parts = {
            part.logical_id
            for kind in ("Method", "Resource", "GatewayResponse")
            for part in assembly.find(f"AWS::ApiGateway::{kind}", stack=stack)
        }

        assert parts <= set(deployment.attributes["DependsOn"])
