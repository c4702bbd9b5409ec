"""A REST API of ours: its stage, its logs, its own errors as problem documents, and an alarm for its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.alarm import OperatorAlarm
from infra.constructs.api_stage import acknowledge_logs, end_logs
from infra.constructs.problem_responses import add_problem_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import Stack

    from infra.constructs.shared import Shared


@dataclass(frozen=True)
class RestApiProps:
    """What makes one API another than the next.

    Attributes:
        name: by which alone its metrics know it.
        description: for the console.
        unguarded: why there is no web ACL before it.
        server_errors: what it means when it answers 5xx.
        own_words: by the name of one of the gateway's own errors, status and detail that are not those of all APIs.
        sets_logging_role: whether it may give the account the role that API Gateway logs by; for one API alone.
    """

    name: str
    description: str
    unguarded: str
    server_errors: str
    own_words: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    sets_logging_role: bool = False


def make_rest_api(
    stack: Stack, construct_id: str, props: RestApiProps, *, shared: Shared, options: apigateway.StageOptions
) -> apigateway.RestApi:
    """The API, without a route; `options` are its stage's, see `make_stage`."""
    new_role = props.sets_logging_role and shared.settings.api_logs == "new_role"
    api = apigateway.RestApi(
        stack,
        construct_id,
        rest_api_name=props.name,
        description=props.description,
        endpoint_types=[apigateway.EndpointType.REGIONAL],
        deploy_options=options,
        # It takes the place of the role that the account has, for every API in it, and stays after us.
        cloud_watch_role=new_role,
    )
    add_problem_responses(api, own_words=props.own_words)
    acknowledge_logs(api, shared, new_role=new_role)
    end_logs(stack, api, shared)
    acknowledge(api, "AwsSolutions-APIG2", reason="functions check requests, strictly, and name every field at fault")
    acknowledge(api, "AwsSolutions-APIG3", reason=props.unguarded)
    OperatorAlarm(
        stack,
        "ServerErrors",
        metric=api.metric_server_error(period=Duration.minutes(1), statistic=cloudwatch.Stats.SUM),
        meaning=props.server_errors,
        operators=shared.operators,
    )
    return api
