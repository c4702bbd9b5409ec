"""What operators ask over HTTP, known to IAM: why a prediction was made. API Gateway → a function → tables, models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.api_stage import Limits, make_stage
from infra.constructs.function import PythonFunction
from infra.constructs.grants import (
    allow,
    allow_listing,
    allow_reading,
    format_arn,
)
from infra.constructs.package_group import find_registry
from infra.constructs.rest_api import RestApiProps, make_rest_api
from infra.constructs.why_access import ROUTE, WhyAccess
from noriba.records.captures import METRICS
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.package_group import PackageGroup
    from infra.constructs.query_access import QueryAccess
    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase

LIMITS = Limits(requests_per_s=2, burst=5)
"""People ask, one after the other; each question costs three queries."""
_UNSIGNED = (
    "no such route, or the request is not signed; sign it by AWS Signature Version 4, for the service execute-api"
)


@dataclass(frozen=True, kw_only=True)
class OperatorsData:
    """What other stacks keep and operators are told of: models, what was reported, and observations.

    Attributes:
        models: the bucket.
        groups: of packages.
        outcomes: the bucket.
        observations: who may ask about them.
        asker: the function that has the models, where no endpoint of SageMaker's runs.
    """

    models: s3.IBucket
    groups: Sequence[PackageGroup]
    outcomes: s3.IBucket
    observations: QueryAccess
    asker: lambda_.IFunction | None = None


class OperatorsStack(Stack):
    """The operators' API of all use cases; `why` lets people ask."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        data: OperatorsData,
        compactor: lambda_.IFunction,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(scope, construct_id, description="Noriba: what operators ask", env=shared.environment)
        self._shared, self._data, self._use_cases = shared, data, use_cases
        api = make_rest_api(
            self,
            "OperatorsApi",
            RestApiProps(
                name=f"{shared.settings.prefix}-operators",
                description="Noriba: why a prediction was made",
                unguarded="IAM lets nobody in but the owner's own people; a web ACL is the owner's choice and cost",
                server_errors="operators were answered 5xx: tables gave no answer in time, or the function failed",
                own_words={"MISSING_AUTHENTICATION_TOKEN": (403, _UNSIGNED)},
            ),
            shared=shared,
            options=make_stage(self, shared, limits=LIMITS),
        )
        method = self._route(api, self._make_explainer(compactor))
        self.why = WhyAccess(api, method)
        policy = self._make_policy()
        CfnOutput(self, "OperatorsApiUrl", value=api.url.rstrip("/"))
        CfnOutput(self, "AskWhyPolicyArn", value=policy.managed_policy_arn)

    def _route(self, api: apigateway.RestApi, function: lambda_.IFunction) -> apigateway.Method:
        resource = api.root.resource_for_path(ROUTE)
        method = resource.add_method(
            "GET",
            apigateway.LambdaIntegration(function, proxy=True),
            authorization_type=apigateway.AuthorizationType.IAM,
        )
        acknowledge(method, "AwsSolutions-COG4", reason="operators are people with roles, and IAM knows them already")
        return method

    def _make_policy(self) -> iam.ManagedPolicy:
        """For whoever may ask; nobody has it until the owner gives it.

        A permission set of IAM Identity Center knows a policy by its name; IAM's names are those of the account, not of
        the region. https://docs.aws.amazon.com/singlesignon/latest/userguide/howtocmp.html
        """
        policy = iam.ManagedPolicy(
            self,
            "AskWhy",
            managed_policy_name=f"{self._shared.settings.prefix}-ask-why-{self.region}",
            description="Ask Noriba why a prediction was made, which tells places",
        )
        self.why.let_ask(policy)
        return policy

    def _make_explainer(self, compactor: lambda_.IFunction) -> lambda_.IFunction:
        shared, observations, prefix = self._shared, self._data.observations, self._shared.settings.prefix
        asker = self._data.asker
        function = PythonFunction(
            self,
            "explain_prediction",
            shared=shared,
            environment={
                "RESOURCE_PREFIX": prefix,
                "PACKAGES_ARN": find_registry(self._data.groups, self, "model-package"),
                "COMPACT_FUNCTION": compactor.function_name,
                "QUERY_WORKGROUP": observations.workgroup,
                "OBSERVATIONS_DATABASE": observations.database,
                "OUTCOMES_BUCKET": self._data.outcomes.bucket_name,
                **({} if asker is None else {"MODEL_FUNCTION": asker.function_name}),
            },
            # API Gateway waits no longer.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
            timeout=Duration.seconds(29),
            memory_mb=1024,
        )
        function.watch_errors()
        allow(function.role, ["lambda:InvokeFunction"], [compactor.function_arn])
        observations.let_ask(function.role)
        observations.let_read_answers(function.role)
        allow_listing(function.role, self._data.outcomes)
        allow_reading(function.role, self._data.outcomes, prefix=f"{METRICS}/")
        # What a model was asked is named by the features in its artifact.
        allow_reading(function.role, self._data.models)
        names = [use_case.name for use_case in self._use_cases]
        for group in self._data.groups:
            group.allow(function.role, ["sagemaker:DescribeModelPackage"])
        if asker is not None:
            allow(function.role, ["lambda:InvokeFunction"], [asker.function_arn])
            return function.function
        endpoints = [format_arn(self, "sagemaker", f"endpoint/{name_endpoint(name, prefix=prefix)}") for name in names]
        allow(function.role, ["sagemaker:InvokeEndpoint"], endpoints)
        return function.function
