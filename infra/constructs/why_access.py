"""Who may ask why a prediction was made: one route of the operators' API, known to IAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Stack

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.grants import allow, format_arn, write_arn, write_reference

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway

    from infra.constructs.grants import Grantee

ROUTE = "/v1/{use_case}/predictions/{prediction_id}/why"


@dataclass(frozen=True)
class WhyAccess:
    """The route."""

    api: apigateway.RestApi
    method: apigateway.Method

    def let_ask(self, policy: Grantee) -> None:
        """Let somebody ask, about any prediction of any use case."""
        allow(policy, ["execute-api:Invoke"], [self.method.method_arn])
        stack, stage = Stack.of(policy), self.api.deployment_stage
        api = write_reference(self.api, self.api.rest_api_id, stack)
        route = f"{api}/{write_reference(stage, stage.stage_name, stack)}/GET/v1/*/predictions/*/why"
        acknowledge_wildcard(
            policy,
            write_arn(format_arn(stack, "execute-api", route)),
            reason="use cases and predictions are in the path; all of them are behind this one question",
        )
