"""From a snapshot to a candidate: decide_retraining → TRAIN → the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.alarm import OperatorAlarm
from infra.constructs.event_rule import EventRule, TimedRule
from infra.constructs.function import PythonFunction
from infra.constructs.grants import (
    allow,
    allow_key,
    allow_listing,
    allow_publishing,
    allow_reading,
    allow_table,
    allow_writing,
    name_table,
    write_arn,
)
from infra.constructs.machine import Machine
from infra.constructs.model_image import make_model_image
from infra.constructs.names import to_construct_id
from infra.constructs.package_group import find_registry
from infra.constructs.sagemaker_role import SageMakerRole, allow_jobs
from infra.machines.training import TrainingProps, describe_training
from noriba.events import AlarmStateChanged, RetrainingDecided
from noriba.monitoring.causes import ASKED_BY_THE_CLOCK, CAUSES
from noriba.records.artifacts import FEATURES_PREFIX
from noriba.records.metrics import TRAINING_LIMIT_REACHED
from noriba.records.names import name_world_alarm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.package_group import PackageGroup
    from infra.constructs.shared import Shared


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What other stacks keep and training reads and writes, and where the model in production is looked after.

    Attributes:
        ledger: the table.
        datasets: the bucket.
        models: the bucket.
        groups: of packages, by use case.
        registry: the account of models and groups.
        monitoring: the account of the monitor.
    """

    ledger: dynamodb.ITable
    datasets: s3.IBucket
    models: s3.IBucket
    groups: Mapping[str, PackageGroup]
    registry: Shared
    monitoring: Shared


class TrainingStack(Stack):
    """Attributes: `image` (of the model container), `machine` (TRAIN)."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        data: TrainingData,
    ) -> None:
        super().__init__(
            scope, construct_id, description="Noriba: training, evaluation and candidates", env=shared.environment
        )
        self._shared, self._ledger, self._datasets, self._models = shared, data.ledger, data.datasets, data.models
        self._registry, self._monitored_in = data.registry, data.monitoring
        self.image = make_model_image(self, "ModelImage", packages=shared.packages, settings=shared.settings)
        machine = self._make_machine(self._make_job_role(), self._make_registrar(data.groups))
        decided = EventRule(self, "Decided", shared=shared, pattern=RetrainingDecided.pattern(train=True))
        decided.start(machine, given=events.RuleTargetInput.from_event_path("$.detail"))
        self._decider = self._make_decider()
        # One that was stopped, or timed out, could not release its lock.
        machine.let_look_at_executions(self._decider.role)
        for cause in CAUSES:
            rule = EventRule(self, f"After{cause.__name__}", shared=shared, pattern=cause.pattern())
            rule.invoke(self._decider.function)
        for use_case in data.groups:
            self._ask_by_the_clock(use_case)
            self._ask_on_alarm(use_case)
            self._watch_the_limit(use_case)
        self.machine = machine.machine
        CfnOutput(self, "TrainMachineArn", value=machine.machine.state_machine_arn)
        CfnOutput(self, "ModelImageUri", value=self.image.uri)

    def _ask_on_alarm(self, use_case: str) -> None:
        """Let the alarm ask that says that the world has changed; by its name, for a later stack makes it.

        Its end is told, too: an alarm that was put off is asked for again while it stands.
        """
        rule = EventRule(
            self,
            f"Alarmed{to_construct_id(use_case)}",
            shared=self._shared,
            pattern=AlarmStateChanged.pattern(
                alarm_name=name_world_alarm(use_case, prefix=self._shared.settings.prefix)
            ),
            from_aws=True,
            told_in=self._monitored_in,
        )
        question = {
            "id": events.EventField.event_id,
            "time": events.EventField.time,
            "detail-type": events.EventField.detail_type,
            "detail": {"use_case": use_case, "alarm": events.EventField.from_path("$.detail")},
        }
        rule.invoke(self._decider.function, given=events.RuleTargetInput.from_object(question))

    def _ask_by_the_clock(self, use_case: str) -> None:
        """Ask again every hour, for data that came within the cooldown and were followed by no event."""
        rule = TimedRule(self, f"Hourly{to_construct_id(use_case)}", shared=self._shared, every=Duration.hours(1))
        question = {
            "id": events.EventField.event_id,
            "time": events.EventField.time,
            "detail-type": ASKED_BY_THE_CLOCK,
            "detail": {"use_case": use_case},
        }
        rule.invoke(self._decider.function, given=events.RuleTargetInput.from_object(question))

    def _watch_the_limit(self, use_case: str) -> None:
        OperatorAlarm(
            self,
            f"TrainingLimit{to_construct_id(use_case)}",
            metric=cloudwatch.Metric(
                namespace=self._shared.settings.prefix,
                metric_name=TRAINING_LIMIT_REACHED.name,
                dimensions_map={"service": TRAINING_LIMIT_REACHED.function, "use_case": use_case},
                # As often as the question: while the limit holds, the alarm is told once.
                period=Duration.hours(1),
                statistic=cloudwatch.Stats.SUM,
            ),
            meaning=f"training of {use_case} is due, and as many runs as a day may have began within one; who lands so "
            "much data, or asks so often? The policy's max_per_day is the limit",
            operators=self._shared.operators,
        )

    def _make_decider(self) -> PythonFunction:
        shared = self._shared
        function = PythonFunction(
            self,
            "decide_retraining",
            shared=shared,
            environment={
                "LEDGER_TABLE": name_table(self._ledger, self),
                "DATASETS_BUCKET": self._datasets.bucket_name,
                "BUS_NAME": shared.hub_address,
            },
            timeout=Duration.minutes(1),
            memory_mb=512,
        )
        function.watch_errors()
        allow_reading(function.role, self._datasets)
        allow_table(function.role, self._ledger, "GetItem", "PutItem", "Query")
        allow_publishing(function.role, shared.hub.event_bus_arn, sources=[RetrainingDecided.source])
        function.send_failures_to(shared.dead_letters)
        return function

    def _make_registrar(self, groups: Mapping[str, PackageGroup]) -> PythonFunction:
        named_by_arn = find_registry(groups.values(), self, "model-package-group")
        function = PythonFunction(
            self,
            "register_candidate",
            shared=self._shared,
            environment={
                "RESOURCE_PREFIX": self._shared.settings.prefix,
                **({} if self._registry is self._shared else {"PACKAGE_GROUPS_ARN": named_by_arn}),
                "LEDGER_TABLE": name_table(self._ledger, self),
            },
            timeout=Duration.minutes(1),
            memory_mb=512,
        )
        function.watch_errors()
        allow_reading(function.role, self._models)
        allow_writing(function.role, self._models, prefix=FEATURES_PREFIX)
        allow_table(function.role, self._ledger, "PutItem")
        # The registry finds out the image's digest on the caller's behalf; so AWS's own policy for registrars.
        # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSageMakerModelRegistryFullAccess.html
        images = [self.image.repository_arn]
        allow(function.role, ["ecr:BatchGetImage", "ecr:DescribeImages"], images)
        packages = [group.name_packages() for group in groups.values()]
        arns = [group.find(function.role) for group in groups.values()]
        # Four eyes: whatever the function's code says, it cannot approve what it registers.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
        undecided: dict[str, object] = {"sagemaker:ModelApprovalStatus": ["PendingManualApproval", "Rejected"]}
        registering = ["sagemaker:CreateModelPackage"]
        allow(function.role, registering, [*packages, *arns], StringEquals=undecided)
        allow(function.role, ["sagemaker:UpdateModelPackage"], packages, StringEquals=undecided)
        allow(function.role, ["sagemaker:DescribeModelPackage"], packages)
        for group, named, arn in zip(groups.values(), packages, arns, strict=True):
            # The registry's account says so, too: no role of this one approves, whoever makes it.
            writing = [*registering, "sagemaker:UpdateModelPackage"]
            group.admit(function.role, writing, named, arn, StringEquals=undecided)
            group.admit(function.role, ["sagemaker:DescribeModelPackage"], named)
            acknowledge_wildcard(
                function.role, write_arn(named), reason="versions of one group get their numbers from the registry"
            )
        return function

    def _make_job_role(self) -> iam.Role:
        """What training and evaluation may do: read snapshots and models, write models and evidence."""
        role = SageMakerRole(self, "Jobs", image=self.image).role
        allow_reading(role, self._datasets)
        allow_listing(role, self._datasets)
        allow_reading(role, self._models)
        allow_writing(role, self._models)
        allow_listing(role, self._models)
        # SageMaker encrypts the jobs' volumes and output with our key on the role's behalf.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms
        allow_key(role, self._registry.key, ["kms:Encrypt"])
        allow(
            role,
            ["kms:CreateGrant"],
            [self._shared.key.key_arn],
            Bool={"kms:GrantIsForAWSResource": True},
        )
        return role

    def _make_machine(self, job_role: iam.Role, registrar: PythonFunction) -> Machine:
        shared, settings = self._shared, self._shared.settings
        runtime = Duration.hours(settings.training_hours)
        places = TrainingProps(
            bus_name=shared.hub_address,
            ledger_table=name_table(self._ledger, self),
            datasets_bucket=self._datasets.bucket_name,
            models_bucket=self._models.bucket_name,
            image_uri=self.image.uri,
            image_repository=self.image.repository_name,
            image_tag=self.image.tag,
            role_arn=job_role.role_arn,
            key_arn=shared.key.key_arn,
            registry_key=None if self._registry is shared else self._registry.key_address,
            register_arn=registrar.function.function_arn,
            instance=settings.training_instance,
            max_runtime_s=int(runtime.to_seconds()),
        )
        machine = Machine(
            self,
            "Train",
            shared=shared,
            start="Take the decision",
            states=describe_training(places),
            # Two jobs, and what it takes to start them.
            timeout=Duration.hours(2 * settings.training_hours + 1),
            meaning="a training run ended without a candidate; the execution holds the job's error message. The next "
            "one by itself waits twice as long as it would have: `noriba retraining history`",
        )
        machine.allow_invoking(registrar.function)
        allow_table(machine.role, self._ledger, "GetItem", "UpdateItem")
        allow(machine.role, ["ecr:BatchGetImage"], [self.image.repository_arn])
        allow_jobs(machine.role, job_role)
        if self._registry is not shared:
            allow_key(machine.role, self._registry.key, ["kms:DescribeKey"])
        return machine
