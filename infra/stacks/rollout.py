"""From approval to production: the registry's event → ROLLOUT; and TIDY after it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcard
from infra.constructs.bucket import SecureBucket
from infra.constructs.capture_stream import CaptureStream
from infra.constructs.event_rule import EventRule, TimedRule
from infra.constructs.function import PythonFunction
from infra.constructs.golden_checker import make_golden_checker
from infra.constructs.grants import (
    allow,
    allow_listing,
    allow_publishing,
    allow_reading,
    allow_table,
    allow_using_key,
    allow_writing,
    format_arn,
    name_table,
    write_arn,
)
from infra.constructs.machine import Machine
from infra.constructs.names import to_construct_id
from infra.constructs.sagemaker_role import SageMakerRole, allow_passing
from infra.machines.rollout import RolloutProps, StagingProps, describe_rollout
from infra.machines.tidying import describe_tidying
from noriba.events import (
    AlarmStateChanged,
    ExecutionStatusChanged,
    ModelPackageStateChanged,
    RolledBack,
    S3ObjectCreated,
)
from noriba.records.captures import OUTCOMES
from noriba.records.live import WORK
from noriba.records.measured import name_namespace
from noriba.records.names import ENDPOINT_ALARMS, name_endpoint, name_endpoint_alarm
from noriba.records.rollout import COMPARISONS, RolloutPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.model_image import ModelImage
    from infra.constructs.package_group import PackageGroup
    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


@dataclass(frozen=True, kw_only=True)
class RolloutData:
    """What other stacks keep and a rollout reads: the ledger, models, and the outcomes that apps report.

    Attributes:
        ledger: the table.
        models: the bucket.
        groups: of packages.
        registry: the account in which models are approved.
        outcomes: the bucket.
        staging: where it is, if it has an account of its own.
        asker: the function that has the models, where no endpoint of SageMaker's runs.
    """

    ledger: dynamodb.ITable
    models: s3.IBucket
    groups: Mapping[str, PackageGroup]
    registry: Shared
    outcomes: s3.IBucket
    staging: StagingProps | None = None
    asker: lambda_.IFunction | None = None


class RolloutStack(Stack):
    """The rollout of every use case.

    Attributes: `captures` (the bucket of what production is asked and answers), `machine` (ROLLOUT), `tidy` (TIDY).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        data: RolloutData,
        image: ModelImage,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(scope, construct_id, description="Noriba: from approval to production", env=shared.environment)
        self._shared, self._image = shared, image
        self._ledger, self._models, self._outcomes = data.ledger, data.models, data.outcomes
        self._ledger_name = name_table(data.ledger, self)
        self._groups, self._registry = data.groups, data.registry
        prefix = shared.settings.prefix
        # Here, beside the role that writes them: SageMaker captures as the model's role.
        self._captures = self.captures = SecureBucket(
            self, "Captures", shared=shared, days=shared.settings.capture_days, scratch=[COMPARISONS, WORK]
        ).bucket
        self._endpoints = [name_endpoint(use_case.name, prefix=prefix) for use_case in use_cases]
        self._alarms = {
            kind: [name_endpoint_alarm(use_case.name, kind, prefix=prefix) for use_case in use_cases]
            for kind in ENDPOINT_ALARMS
        }
        self._asker = data.asker
        judge = self._make_judge()
        self._changer: PythonFunction | None = None
        model_role: iam.Role | None = None
        if data.asker is None:
            model_role = self._make_model_role()
        else:
            self._changer = self._make_changer()
            CaptureStream(self, "CaptureStream", bucket=self._captures, endpoints=self._endpoints, shared=shared)
        self._staging = data.staging or self._stage_here(model_role)
        machine = self._make_machine(model_role, judge)
        self._judge_when_due(judge, machine)
        if any(use_case.live is not None for use_case in use_cases):
            self._keep_live_means()
        for use_case in use_cases:
            self._start_on_approval(use_case, machine)
            if self._changer is None:
                self._end_logs(use_case)
        self.machine, self.tidy = machine.machine, self._tidy_after(machine).machine
        CfnOutput(self, "CapturesBucket", value=self._captures.bucket_name)
        CfnOutput(self, "RolloutMachineArn", value=machine.machine.state_machine_arn)
        if self._changer is not None:
            # By which commands know that there is nothing to ask SageMaker for.
            CfnOutput(self, "Serving", value=shared.settings.serving)

    def _start_on_approval(self, use_case: UseCase, machine: Machine) -> None:
        """Nothing but a change to `Approved`, and only in this use case's group."""
        prefix, stages = self._shared.settings.prefix, self._shared.settings.rollout
        approved = EventRule(
            self,
            f"Approved{to_construct_id(use_case.name)}",
            shared=self._shared,
            pattern=ModelPackageStateChanged.pattern(
                model_package_group_name=self._groups[use_case.name].name,
                model_approval_status="Approved",
                updated_fields="ModelApprovalStatus",
            ),
            from_aws=True,
            told_in=self._registry,
        )
        approved.start(
            machine,
            given=events.RuleTargetInput.from_object(
                {
                    "use_case": use_case.name,
                    "endpoint_name": name_endpoint(use_case.name, prefix=prefix),
                    "model_package_arn": events.EventField.from_path("$.detail.ModelPackageArn"),
                    "version": events.EventField.from_path("$.detail.ModelPackageVersion"),
                    "plan": RolloutPlan.of(use_case.policies.rollout, stages=stages).model_dump(mode="json"),
                }
            ),
        )

    def _end_logs(self, use_case: UseCase) -> None:
        """Declare the log that SageMaker would make for the production endpoint by itself, and keep for ever."""
        name = name_endpoint(use_case.name, prefix=self._shared.settings.prefix)
        logs.LogGroup(
            self,
            f"EndpointLogs{to_construct_id(use_case.name)}",
            log_group_name=f"/aws/sagemaker/Endpoints/{name}",
            retention=self._shared.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _tidy_after(self, rollout: Machine) -> Machine:
        """Tidy up when a rollout has ended, whichever way, and every hour."""
        shared = self._shared
        tidier = self._make_tidier(rollout)
        machine = Machine(
            self,
            "Tidy",
            shared=shared,
            start="Tidy",
            states=describe_tidying(tidier.function.function_arn),
            timeout=Duration.hours(2),
            meaning="endpoints or models that nobody needs could not be removed; endpoints cost money by the hour",
        )
        machine.allow_invoking(tidier.function)
        ended = EventRule(
            self,
            "RolloutEnded",
            shared=shared,
            pattern=ExecutionStatusChanged.pattern(
                state_machine_arn=rollout.machine.state_machine_arn,
                status=["ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"],
            ),
            from_aws=True,
        )
        nothing = events.RuleTargetInput.from_object({})
        ended.start(machine, given=nothing)
        TimedRule(self, "Hourly", shared=shared, every=Duration.hours(1)).start(machine, given=nothing)
        return machine

    def _make_tidier(self, rollout: Machine) -> PythonFunction:
        shared, names = self._shared, self._endpoints
        function = PythonFunction(
            self,
            "tidy_rollouts",
            shared=shared,
            environment={
                "BUS_NAME": shared.hub_address,
                "LEDGER_TABLE": self._ledger_name,
                "RESOURCE_PREFIX": shared.settings.prefix,
                **({} if self._staging.role_arn is None else {"STAGING_ROLE_ARN": self._staging.role_arn}),
                **({} if self._changer is None else {"ENDPOINTS_LEDGER": self._ledger_name}),
            },
            timeout=Duration.minutes(5),
            memory_mb=512,
        )
        function.watch_errors()
        # The lock of a rollout that was stopped, and what it would have said itself.
        allow_table(function.role, self._ledger, "GetItem", "UpdateItem", "DeleteItem")
        allow_publishing(function.role, shared.hub.event_bus_arn, sources=[RolledBack.source])
        rollout.let_look_at_executions(function.role)
        if self._changer is not None:
            # What an execution that was stopped left of endpoints.
            allow_table(function.role, self._ledger, "PutItem", "Query")
            return function
        if self._staging.role_arn is not None:
            allow(function.role, ["sts:AssumeRole"], [self._staging.role_arn])
        lists = ["sagemaker:ListEndpoints", "sagemaker:ListEndpointConfigs", "sagemaker:ListModels"]
        allow(function.role, lists, ["*"])
        self._allow_volume_grants(function.role)
        acknowledge(
            function.role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="SageMaker's lists know no resources, nor do X-Ray's PutTraceSegments and PutTelemetryRecords",
        )
        mine = (
            # What a stopped rollout left half-way is the champion's again.
            ([f"endpoint/{name}" for name in names], ["DescribeEndpoint", "UpdateEndpoint"]),
            ([f"endpoint/{name}-staging-*" for name in names], ["DescribeEndpoint", "DeleteEndpoint"]),
            (
                [f"endpoint-config/{name}-*" for name in names],
                ["DescribeEndpointConfig", "DeleteEndpointConfig", "UpdateEndpoint"],
            ),
            ([f"model/{name}-*" for name in names], ["DeleteModel"]),
        )
        for resources, actions in mine:
            self._allow_sagemaker(function.role, resources, actions)
        return function

    def _make_changer(self) -> PythonFunction:
        """What writes into the ledger who answers, in SageMaker's place."""
        function = PythonFunction(
            self,
            "change_endpoints",
            shared=self._shared,
            environment={"LEDGER_TABLE": self._ledger_name},
            timeout=Duration.seconds(30),
            memory_mb=512,
        )
        # It raises on purpose where something is not there; whatever else fails, the machine's alarm tells.
        allow_table(function.role, self._ledger, "GetItem", "PutItem", "DeleteItem")
        return function

    def _stage_here(self, model_role: iam.Role | None) -> StagingProps:
        """Staging beside production, where it has no account of its own."""
        checker = make_golden_checker(
            self, shared=self._shared, models=self._models, endpoints=self._endpoints, asker=self._asker
        )
        return StagingProps(
            golden_arn=checker.function.function_arn,
            model_role_arn="" if model_role is None else model_role.role_arn,
            key_arn=self._shared.key.key_arn,
        )

    def _make_model_role(self) -> iam.Role:
        """What a model container in service may do: read its own artifact, and have its requests captured."""
        role = SageMakerRole(self, "Models", image=self._image).role
        allow_reading(role, self._models)
        for name in self._endpoints:
            allow_writing(role, self._captures, prefix=f"{name}/")
        return role

    def _make_judge(self) -> PythonFunction:
        """What compares champion and challenger, and answers a rollout that waits."""
        function = PythonFunction(
            self,
            "judge_rollout",
            shared=self._shared,
            environment={
                "LEDGER_TABLE": self._ledger_name,
                "CAPTURES_BUCKET": self._captures.bucket_name,
                "OUTCOMES_BUCKET": self._outcomes.bucket_name,
                "RESOURCE_PREFIX": self._shared.settings.prefix,
                "TRUST_OUTCOME_TIMES": str(self._shared.settings.trust_outcome_times).lower(),
                **({} if self._asker is None else {"METRICS_NAMESPACE": name_namespace(self._shared.settings.prefix)}),
            },
            timeout=Duration.minutes(5),
            memory_mb=1769,  # one core: it reads and counts
        )
        function.watch_errors()
        function.send_failures_to(self._shared.dead_letters)
        allow_table(function.role, self._ledger, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        for bucket in (self._captures, self._outcomes):
            allow_reading(function.role, bucket)
            allow_listing(function.role, bucket)
        allow_writing(function.role, self._captures, prefix=COMPARISONS)
        allow(function.role, ["cloudwatch:GetMetricData"], ["*"])
        # It asks whether one is on for latency alone; errors it counts itself.
        alarms = [format_arn(self, "cloudwatch", f"alarm:{name}") for name in self._alarms["latency"]]
        allow(function.role, ["cloudwatch:DescribeAlarms"], alarms)
        acknowledge(
            function.role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="CloudWatch's metrics know no resources, nor do X-Ray's PutTraceSegments and PutTelemetryRecords",
        )
        return function

    def _judge_when_due(self, judge: PythonFunction, rollout: Machine) -> None:
        """When outcomes have come, when an endpoint's alarm goes off, and every minute for what these leave out."""
        shared = self._shared
        rollout.let_answer(judge.role, "SendTaskSuccess")
        for rule_id, pattern in (
            # Metrics lie in the same bucket, and nothing is judged by them.
            ("OutcomesCame", S3ObjectCreated.in_bucket(self._outcomes.bucket_name, prefix=f"{OUTCOMES}/")),
            ("AlarmRaised", AlarmStateChanged.raised(*chain(*self._alarms.values()))),
        ):
            EventRule(self, rule_id, shared=shared, pattern=pattern, from_aws=True).invoke(judge.function)
        TimedRule(self, "EveryMinute", shared=shared, every=Duration.minutes(1)).invoke(judge.function)

    def _keep_live_means(self) -> None:
        """What joins outcomes to captures as they come, so that requests know of the last hours."""
        shared = self._shared
        function = PythonFunction(
            self,
            "update_live_means",
            shared=shared,
            environment={
                "LEDGER_TABLE": self._ledger_name,
                "CAPTURES_BUCKET": self._captures.bucket_name,
                "OUTCOMES_BUCKET": self._outcomes.bucket_name,
                "RESOURCE_PREFIX": shared.settings.prefix,
            },
            timeout=Duration.minutes(5),
            memory_mb=1769,  # one core: it reads and counts
        )
        function.watch_errors()
        function.send_failures_to(shared.dead_letters)
        allow_table(function.role, self._ledger, "PutItem")
        for name in (*(f"{endpoint}/" for endpoint in self._endpoints), WORK):
            allow_reading(function.role, self._captures, prefix=name)
        allow_reading(function.role, self._outcomes, prefix=f"{OUTCOMES}/")
        for bucket in (self._captures, self._outcomes):
            allow_listing(function.role, bucket)
        allow_writing(function.role, self._captures, prefix=WORK)
        pattern = S3ObjectCreated.in_bucket(self._outcomes.bucket_name, prefix=f"{OUTCOMES}/")
        EventRule(self, "OutcomesKnown", shared=shared, pattern=pattern, from_aws=True).invoke(function.function)

    def _make_machine(self, model_role: iam.Role | None, judge: PythonFunction) -> Machine:
        shared, settings = self._shared, self._shared.settings
        places = RolloutProps(
            bus_name=shared.hub_address,
            ledger_table=self._ledger_name,
            staging=self._staging,
            judge_arn=judge.function.function_arn,
            model_role_arn="" if model_role is None else model_role.role_arn,
            key_arn=shared.key.key_arn,
            captures_uri=f"s3://{self._captures.bucket_name}",
            capture_percent=settings.capture_percent,
            staging_instance=settings.staging_instance,
            production_instance=settings.production_instance,
            production_instances=settings.production_instances,
            changer_arn=None if self._changer is None else self._changer.function.function_arn,
        )
        machine = Machine(
            self,
            "Rollout",
            shared=shared,
            start="Is there a plan?",
            states=describe_rollout(places),
            # The longest shadow, where they queue one rollout before it that does the same, and the rest; or the
            # longest experiment, which waits for nobody and for which nobody waits.
            timeout=Duration.days(30),
            meaning="an approved model did not reach production, which answers as before; see the execution",
        )
        if self._staging.role_arn is None:
            allow(machine.role, ["lambda:InvokeFunction"], [self._staging.golden_arn, judge.function.function_arn])
        else:
            machine.allow_invoking(judge.function)
            allow(machine.role, ["sts:AssumeRole"], [self._staging.role_arn])
        allow_table(machine.role, self._ledger, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        machine.allow_looking_at_itself()
        # A newer approval takes the place of a rollout that is being compared.
        machine.let_answer(machine.role, "SendTaskFailure")
        if self._changer is not None:
            for group in self._groups.values():
                group.allow(machine.role, ["sagemaker:DescribeModelPackage"])
            machine.allow_invoking(self._changer.function)
        if model_role is None:
            return machine
        allow_passing(machine.role, model_role)
        self._allow_volume_grants(machine.role)
        self._allow_endpoints(machine)
        return machine

    def _allow_volume_grants(self, role: iam.Role) -> None:
        """Let SageMaker make a grant for an endpoint's volumes on behalf of who makes or updates it.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html#sagemaker-CreateEndpointConfig-request-KmsKeyId
        """
        key = self._shared.key
        allow_using_key(role, key, writing=True)
        allow(role, ["kms:CreateGrant"], [key.key_arn], Bool={"kms:GrantIsForAWSResource": True})

    def _allow_endpoints(self, machine: Machine) -> None:
        """Make and remove staging, make and change production; production is never removed."""
        names = self._endpoints
        for group in self._groups.values():
            group.allow(machine.role, ["sagemaker:DescribeModelPackage"])
            if group.is_elsewhere(machine.role):
                # Of another account's package, making a model of it is asked about, too.
                # https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
                group.allow(machine.role, ["sagemaker:CreateModel"])
        mine = (
            ([f"model/{name}-*" for name in names], ["CreateModel", "DeleteModel"]),
            # CreateEndpoint and UpdateEndpoint are also checked against the configuration that they name.
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
            (
                [f"endpoint-config/{name}-*" for name in names],
                ["CreateEndpointConfig", "DescribeEndpointConfig", "CreateEndpoint", "UpdateEndpoint"],
            ),
            ([f"endpoint-config/{name}-staging-*" for name in names], ["DeleteEndpointConfig"]),
            (
                [f"endpoint/{name}" for name in names],
                ["CreateEndpoint", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "DescribeEndpoint"],
            ),
            (
                [f"endpoint/{name}-staging-*" for name in names],
                ["CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint"],
            ),
        )
        for resources, actions in mine:
            self._allow_sagemaker(machine.role, resources, actions)

    def _allow_sagemaker(self, role: iam.Role, resources: Sequence[str], actions: Sequence[str]) -> None:
        arns = [format_arn(self, "sagemaker", name) for name in resources]
        allow(role, [f"sagemaker:{action}" for action in actions], arns)
        wildcards = [write_arn(arn) for arn in arns if arn.endswith("*")]
        acknowledge_wildcard(
            role, *wildcards, reason="named after the endpoint and the attempt; the registry numbers versions"
        )
