"""The operators' API: one question, signed, at the pace of people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.infra.test_api import climb_paths

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly, Resource

STACK = "operators"
ROUTE = "/v1/{use_case}/predictions/{prediction_id}/why"


@pytest.fixture(scope="session")
def method(assembly: Assembly) -> Resource:
    [found] = assembly.find("AWS::ApiGateway::Method", stack=STACK)
    return found


def test_its_one_route_asks_who_it_is(assembly: Assembly, method: Resource) -> None:
    paths = climb_paths(assembly, stack=STACK)

    assert (method.properties["HttpMethod"], paths[method.properties["ResourceId"]]) == ("GET", ROUTE)
    assert method.properties["AuthorizationType"] == "AWS_IAM"
    # A key says which app it is, and no app may ask.
    assert not method.properties.get("ApiKeyRequired", False)
    integration = method.properties["Integration"]
    assert integration["Type"] == "AWS_PROXY"
    assert integration["Uri"].endswith("functions/<ExplainPredictionFunction.Arn>/invocations")


def test_the_gateway_alone_may_call_the_function_and_for_this_route_alone(assembly: Assembly) -> None:
    called = {
        (one.properties["FunctionName"], one.properties["SourceArn"].split("<OperatorsApi>/", 1)[1].split("/", 1)[1])
        for one in assembly.find("AWS::Lambda::Permission", stack=STACK)
        if one.properties["Principal"] == "apigateway.amazonaws.com"
    }

    assert called == {("<ExplainPredictionFunction.Arn>", "GET/v1/*/predictions/*/why")}


def test_no_app_s_key_opens_it(assembly: Assembly) -> None:
    for kind in ("UsagePlan", "ApiKey", "UsagePlanKey"):
        assert {found.stack for found in assembly.find(f"AWS::ApiGateway::{kind}")} == {"serving"}


def test_it_is_asked_at_the_pace_of_people_whatever_apps_may_do(assembly: Assembly, customised: Assembly) -> None:
    for found in (assembly, customised):
        [stage] = found.find("AWS::ApiGateway::Stage", stack=STACK)
        [settings] = stage.properties["MethodSettings"]

        assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
        assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (2, 5)
        assert settings["MetricsEnabled"] is False
        assert stage.properties["TracingEnabled"] is True


def test_the_function_is_done_when_the_gateway_gives_up(assembly: Assembly, method: Resource) -> None:
    [function] = assembly.find("AWS::Lambda::Function", stack=STACK)
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
    waits_s = method.properties["Integration"].get("TimeoutInMillis", 29_000) / 1000

    assert function.properties["Timeout"] <= waits_s


def test_who_does_not_sign_is_told_to(assembly: Assembly) -> None:
    responses = {
        found.properties["ResponseType"]: found.properties
        for found in assembly.find("AWS::ApiGateway::GatewayResponse", stack=STACK)
    }
    unsigned = responses["MISSING_AUTHENTICATION_TOKEN"]

    assert unsigned["StatusCode"] == "403"
    problem = json.loads(unsigned["ResponseTemplates"]["application/json"])
    assert (problem["status"], problem["title"]) == (403, "Forbidden")
    assert "Signature Version 4" in problem["detail"]
    # Whatever else the gateway refuses (a signature, a policy), it does in its own words, as a problem document.
    assert responses["DEFAULT_4XX"].get("StatusCode") is None


def test_it_waits_for_the_role_that_it_logs_by(customised: Assembly) -> None:
    """One role for all APIs of an account and region, and serving gives it."""
    assert [found.stack for found in customised.find("AWS::ApiGateway::Account")] == ["serving"]
    [stage] = customised.find("AWS::ApiGateway::Stage", stack=STACK)
    assert "AccessLogSetting" in stage.properties
