"""An API's one stage: its limits, its metrics, and its logs where the account may write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_logs as logs

from infra.constructs.acknowledgements import acknowledge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.constructs.shared import Shared

STAGE = "live"
PUBLIC_REQUESTS_PER_S = 1
PUBLIC_BURST = 5
"""Of a route that needs no key: whoever asks for it costs us something, and nobody knows who."""


@dataclass(frozen=True)
class Limits:
    """How many requests a second, and how many at once."""

    requests_per_s: float
    burst: int


def make_stage(
    scope: Construct, shared: Shared, *, limits: Limits, public_routes: Iterable[str] = ()
) -> apigateway.StageOptions:
    """The stage; `public_routes` are paths that answer GET without a key."""
    logged = shared.settings.api_logs != "none"
    common: dict[str, Any] = {
        "logging_level": apigateway.MethodLoggingLevel.ERROR if logged else apigateway.MethodLoggingLevel.OFF,
        # Bodies hold places.
        "data_trace_enabled": False,
        # By method, which costs by metric; nothing reads them, and those of the whole API are free.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
        "metrics_enabled": False,
    }
    # What a method's settings leave out is API Gateway's default, not the stage's.
    public = apigateway.MethodDeploymentOptions(
        **common, throttling_rate_limit=PUBLIC_REQUESTS_PER_S, throttling_burst_limit=PUBLIC_BURST
    )
    return apigateway.StageOptions(
        stage_name=STAGE,
        **common,
        **(_log_access(scope, shared) if logged else {}),
        tracing_enabled=True,
        throttling_rate_limit=limits.requests_per_s,
        throttling_burst_limit=limits.burst,
        method_options={f"{path}/GET": public for path in public_routes},
    )


def end_logs(scope: Construct, api: apigateway.RestApi, shared: Shared) -> None:
    """Declare the log of executions that API Gateway would make by itself, and keep for ever."""
    if shared.settings.api_logs != "none":
        group = logs.LogGroup(
            scope,
            "ExecutionLog",
            log_group_name=f"API-Gateway-Execution-Logs_{api.rest_api_id}/{STAGE}",
            retention=shared.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # API Gateway makes the group with the stage: after it, CloudFormation would find the name taken.
        # https://github.com/hashicorp/terraform-provider-aws/issues/8413
        api.deployment_stage.node.add_dependency(group)


def acknowledge_logs(api: apigateway.RestApi, shared: Shared, *, new_role: bool) -> None:
    """Say why logs are as they are: their role is one for all APIs of an account and region, and this may make it.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    if shared.settings.api_logs == "none":
        reason = "API Gateway's logging role is the account's, and not ours to set unasked; functions log each request"
        for rule in ("AwsSolutions-APIG1", "AwsSolutions-APIG6"):
            acknowledge(api, rule, reason=reason)
    if new_role:
        acknowledge(
            api,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            reason="the account-wide role by which API Gateway writes logs is AWS's own policy",
        )


def _log_access(scope: Construct, shared: Shared) -> dict[str, Any]:
    group = logs.LogGroup(scope, "AccessLog", retention=shared.log_retention, removal_policy=RemovalPolicy.DESTROY)
    return {
        "access_log_destination": apigateway.LogGroupLogDestination(group),
        "access_log_format": apigateway.AccessLogFormat.json_with_standard_fields(
            caller=False,
            http_method=True,
            ip=False,
            protocol=True,
            request_time=True,
            resource_path=True,
            response_length=True,
            status=True,
            user=False,
        ),
    }
