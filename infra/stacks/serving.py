"""What apps see: API Gateway → functions → the endpoint; and outcomes, kept in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, CustomResource, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.alarm import OperatorAlarm
from infra.constructs.api_stage import STAGE, Limits, make_stage
from infra.constructs.bucket import SecureBucket
from infra.constructs.capture_stream import name_capture_stream
from infra.constructs.endpoint_alarms import EndpointAlarms
from infra.constructs.event_archive import EventArchive
from infra.constructs.event_rule import EventRule
from infra.constructs.function import PythonFunction
from infra.constructs.grants import (
    allow,
    allow_publishing,
    allow_reading,
    allow_reading_attributes,
    format_arn,
    name_table,
)
from infra.constructs.rest_api import RestApiProps, make_rest_api
from noriba.events import MetricsObserved, OutcomeObserved
from noriba.records.artifacts import FEATURES_PREFIX
from noriba.records.captures import METRICS, OUTCOMES
from noriba.records.ledger_entries import (
    CHALLENGER_FEATURES,
    DOCUMENT,
    KEY_ATTRIBUTES,
    LIVE_ATTRIBUTES,
    SPLIT_ATTRIBUTES,
    STRETCH_ATTRIBUTES,
)
from noriba.records.measured import OF_SAGEMAKER, name_namespace
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase

SLOW_MS = 2000
PUBLIC = ("health", "openapi.json")
"""Routes that need no key."""


class ServingStack(Stack):
    """The API of all use cases.

    Attributes: `outcomes` (the bucket), `asker` (the function that asks models for those who have none in their
    process; None where endpoints of SageMaker's answer).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        ledger: dynamodb.ITable,
        models: s3.IBucket,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(scope, construct_id, description="Noriba: the API", env=shared.environment)
        self._shared, self._ledger, self._models = shared, ledger, models
        prefix = shared.settings.prefix
        in_functions = shared.settings.serves_in_functions
        names = [name_endpoint(use_case.name, prefix=prefix) for use_case in use_cases]
        self._endpoints = [format_arn(self, "sagemaker", f"endpoint/{name}") for name in names]
        for use_case in use_cases:
            EndpointAlarms(
                self,
                f"Endpoint-{use_case.name}",
                use_case=use_case.name,
                prefix=prefix,
                operators=shared.operators,
                namespace=name_namespace(prefix) if in_functions else OF_SAGEMAKER,
            )
        self.asker = self._make_asker() if in_functions else None
        self._keep_outcomes()
        api = self._make_api()
        self._add_routes(api)
        key = self._make_key(api)
        CfnOutput(self, "ApiUrl", value=api.url.rstrip("/"))
        CfnOutput(self, "ApiKeyId", value=key.key_id)

    # --- the API ------------------------------------------------------------------------------------------------------

    def _make_api(self) -> apigateway.RestApi:
        settings = self._shared.settings
        limits = Limits(settings.api_requests_per_s, settings.api_burst)
        api = make_rest_api(
            self,
            "Api",
            RestApiProps(
                name=settings.prefix,
                description="Noriba: predictions and outcomes",
                unguarded="usage plans throttle each key; a web ACL is the owner's choice and cost",
                server_errors=(
                    "apps were answered 5xx: no model in production, a failing endpoint, or a failing function"
                ),
                sets_logging_role=True,
            ),
            shared=self._shared,
            options=make_stage(self, self._shared, limits=limits, public_routes=(f"/v1/{name}" for name in PUBLIC)),
        )
        OperatorAlarm(
            self,
            "Latency",
            metric=api.metric_latency(period=Duration.minutes(5), statistic=cloudwatch.Stats.percentile(99)),
            threshold=SLOW_MS,
            meaning=f"of a hundred answers one took over {SLOW_MS / 1000:.0f} s; the endpoint may be too small",
            operators=self._shared.operators,
        )
        return api

    def _add_routes(self, api: apigateway.RestApi) -> None:
        version = api.root.add_resource("v1")
        use_case = version.add_resource("{use_case}")
        self._route(use_case.add_resource("predictions"), "POST", self._make_predictor())
        self._route(use_case.add_resource("outcomes"), "POST", self._make_recorder())
        describer = self._make_describer()
        for name in PUBLIC:
            method = self._route(version.add_resource(name), "GET", describer, needs_key=False)
            acknowledge(method, "AwsSolutions-APIG4", reason="says nothing that is not public; load balancers ask it")
            acknowledge(method, "AwsSolutions-COG4", reason="says nothing that is not public; load balancers ask it")

    def _route(
        self, resource: apigateway.Resource, verb: str, function: lambda_.IFunction, *, needs_key: bool = True
    ) -> apigateway.Method:
        method = resource.add_method(
            verb, apigateway.LambdaIntegration(function, proxy=True), api_key_required=needs_key
        )
        if needs_key:
            reason = "apps are other services of the owner's, known by API keys with a usage plan each"
            acknowledge(method, "AwsSolutions-APIG4", reason=reason)
            acknowledge(method, "AwsSolutions-COG4", reason=reason)
        return method

    def _make_key(self, api: apigateway.RestApi) -> apigateway.IApiKey:
        settings = self._shared.settings
        key = api.add_api_key("AppKey", description="The first app; make more in the console or here")
        plan = api.add_usage_plan(
            "Plan",
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.api_requests_per_s, burst_limit=settings.api_burst
            ),
        )
        plan.add_api_stage(stage=api.deployment_stage)
        plan.add_api_key(key)
        return key

    # --- functions ----------------------------------------------------------------------------------------------------

    def _make_predictor(self) -> lambda_.IFunction:
        in_functions = self._shared.settings.serves_in_functions
        stream = name_capture_stream(self._shared.settings.prefix)
        function = PythonFunction(
            self,
            "predict",
            shared=self._shared,
            environment={
                **self._where_models_are(),
                "LEDGER_TABLE": name_table(self._ledger, self),
                **({"CAPTURE_STREAM": stream} if in_functions else {}),
            },
            timeout=Duration.seconds(20),
            memory_mb=1769,  # one core
            code="predict_in_process" if in_functions else None,
            snapshot=True,
        )
        function.watch_errors()
        if in_functions:
            allow_reading(function.role, self._models)
            allow(
                function.role,
                ["firehose:PutRecordBatch"],
                [format_arn(self, "firehose", f"deliverystream/{stream}")],
            )
        else:
            self._allow_asking(function)
        # Whether a rollout has two models in production, who meets which, and what the challenger reads; how far
        # intervals are stretched; and what is known of the last hours.
        attributes = [*KEY_ATTRIBUTES, *SPLIT_ATTRIBUTES, CHALLENGER_FEATURES, *STRETCH_ATTRIBUTES, *LIVE_ATTRIBUTES]
        if in_functions:
            attributes.append(DOCUMENT)
        allow_reading_attributes(function.role, self._ledger, attributes)
        # Snapshots are taken of versions; the alias is the version that the API calls.
        live = lambda_.Alias(self, "Live", alias_name=STAGE, version=function.function.current_version)
        # Apps meet the new version only when it can ask the models that are there.
        live.node.add_dependency(self._check_live_models(function.function.current_version))
        return live

    def _check_live_models(self, version: lambda_.IVersion) -> CustomResource:
        """Let every deployment of other code ask the models in production first; a refusal undoes it."""
        function = PythonFunction(
            self,
            "check_live_models",
            shared=self._shared,
            environment={
                **self._where_models_are(),
                **({} if self.asker is None else {"MODEL_FUNCTION": self.asker.function_name}),
            },
            timeout=Duration.minutes(1),
            memory_mb=512,
        )
        function.watch_errors()
        self._allow_asking(function)
        # Its own stack alone: is this deployment being undone?
        allow(function.role, ["cloudformation:DescribeStacks"], [self.stack_id])
        return CustomResource(
            self,
            "LiveModelsChecked",
            resource_type="Custom::LiveModelsChecked",
            service_token=function.function.function_arn,
            # Three attempts of a minute each, and Lambda's waits of one minute and two between them.
            service_timeout=Duration.minutes(7),
            # Another version is other code: CloudFormation asks again.
            properties={"CodeVersion": version.version},
        )

    def _where_models_are(self) -> dict[str, str]:
        return {"RESOURCE_PREFIX": self._shared.settings.prefix, "MODELS_BUCKET": self._models.bucket_name}

    def _allow_asking(self, function: PythonFunction) -> None:
        """Ask the models, and find the definitions of the features that they learned."""
        if self.asker is None:
            allow(function.role, ["sagemaker:InvokeEndpoint"], self._endpoints)
        else:
            allow(function.role, ["lambda:InvokeFunction"], [self.asker.function_arn])
        allow_reading(function.role, self._models, prefix=FEATURES_PREFIX)

    def _make_asker(self) -> lambda_.IFunction:
        """What asks models for golden requests, operators and deployments, where they answer in functions."""
        function = PythonFunction(
            self,
            "ask_model",
            shared=self._shared,
            environment={"LEDGER_TABLE": name_table(self._ledger, self)},
            # It starts from no snapshot: libraries and a model are read first.
            timeout=Duration.minutes(1),
            memory_mb=1769,  # as `predict`, so that golden requests see what apps will
        )
        function.watch_errors()
        allow_reading(function.role, self._models)
        allow_reading_attributes(function.role, self._ledger, (*KEY_ATTRIBUTES, DOCUMENT))
        return function.function

    def _make_recorder(self) -> lambda_.IFunction:
        function = PythonFunction(
            self,
            "record_outcome",
            shared=self._shared,
            environment={"BUS_NAME": self._shared.bus.event_bus_name},
            timeout=Duration.seconds(20),
            memory_mb=512,
        )
        function.watch_errors()
        allow_publishing(function.role, self._shared.bus.event_bus_arn, sources=[OutcomeObserved.source])
        return function.function

    def _make_describer(self) -> lambda_.IFunction:
        in_functions = self._shared.settings.serves_in_functions
        function = PythonFunction(
            self,
            "describe_service",
            shared=self._shared,
            environment={
                "RESOURCE_PREFIX": self._shared.settings.prefix,
                **({"ENDPOINTS_LEDGER": name_table(self._ledger, self)} if in_functions else {}),
            },
            timeout=Duration.seconds(20),
            memory_mb=512,
        )
        function.watch_errors()
        if in_functions:
            allow_reading_attributes(function.role, self._ledger, (*KEY_ATTRIBUTES, DOCUMENT))
        else:
            allow(function.role, ["sagemaker:DescribeEndpoint"], self._endpoints)
        return function.function

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def _keep_outcomes(self) -> None:
        """Every outcome on the bus ends in S3, a line each, in a folder for each hour; and so does every metric."""
        shared = self._shared
        # Its events wake whoever compares models.
        bucket = self.outcomes = SecureBucket(self, "Outcomes", shared=shared, announce=True).bucket
        for name, rule, event, prefix in (
            ("OutcomeArchive", "Observed", OutcomeObserved, OUTCOMES),
            ("MetricArchive", "Measured", MetricsObserved, METRICS),
        ):
            archive = EventArchive(self, name, bucket=bucket, prefix=prefix, shared=shared)
            # Not on the hub: apps are heard in their own account, whatever they have to say.
            observed = EventRule(self, rule, shared=shared, pattern=event.pattern(), told_in=shared)
            observed.deliver(archive.stream_arn, role=archive.sender)
        CfnOutput(self, "OutcomesBucket", value=bucket.bucket_name)
