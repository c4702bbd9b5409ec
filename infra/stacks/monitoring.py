"""Does production still do what it promised? Tables of observations → MONITOR, every hour → findings and alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Fn, Stack
from aws_cdk import aws_events as events

from infra.constructs.event_rule import EventRule, TimedRule
from infra.constructs.function import PythonFunction
from infra.constructs.grants import (
    allow_listing,
    allow_publishing,
    allow_reading,
    allow_table,
    allow_writing,
    name_table,
)
from infra.constructs.machine import Machine
from infra.constructs.monitor_alarms import MonitorAlarms
from infra.constructs.names import to_construct_id
from infra.constructs.use_case_dashboard import UseCaseDashboard
from infra.machines.monitoring import MonitoringProps, describe_monitoring
from noriba.events import FindingChanged
from noriba.records.measurements import MEASUREMENTS
from noriba.records.monitoring import REPORTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.package_group import PackageGroup
    from infra.constructs.query_access import QueryAccess
    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


@dataclass(frozen=True, kw_only=True)
class MonitoringData:
    """What other stacks keep and the monitor reads: the ledger, models with their evidence, and observations."""

    ledger: dynamodb.ITable
    models: s3.IBucket
    groups: Sequence[PackageGroup]
    observations: QueryAccess


class MonitoringStack(Stack):
    """The monitor of every use case; `machine` is MONITOR."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        data: MonitoringData,
        compactor: lambda_.IFunction,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(
            scope, construct_id, description="Noriba: whether production does what it promised", env=shared.environment
        )
        self._shared, self._data, self._use_cases = shared, data, use_cases
        machine = self._make_machine(compactor)
        self.machine = machine.machine
        for use_case in use_cases:
            name = to_construct_id(use_case.name)
            hourly = TimedRule(self, f"Look{name}", shared=shared, every=Duration.hours(1))
            hourly.start(machine, given=events.RuleTargetInput.from_object({"use_case": use_case.name}))
            prefix = shared.settings.prefix
            alarms = MonitorAlarms(self, f"Alarms{name}", use_case=use_case.name, prefix=prefix)
            dashboard = UseCaseDashboard(self, f"Board{name}", use_case=use_case, prefix=prefix, alarms=alarms)
            self._tell_operators(use_case, dashboard.name)
        CfnOutput(self, "MonitorMachineArn", value=machine.machine.state_machine_arn)

    def _tell_operators(self, use_case: UseCase, dashboard: str) -> None:
        """In words, with the model, the part of the traffic and where to look."""
        changed = EventRule(
            self,
            f"Found{to_construct_id(use_case.name)}",
            shared=self._shared,
            pattern=FindingChanged.pattern(use_case=use_case.name),
        )
        field = events.EventField.from_path
        address = Fn.join(
            "",
            [
                # https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html
                f"https://{self.region}.console.aws.amazon.com",
                f"/cloudwatch/home?region={self.region}#dashboards/dashboard/{dashboard}",
            ],
        )
        text = (
            f"{use_case.title}, version {field('$.detail.model_version')}: {field('$.detail.kind')} is "
            f"{field('$.detail.verdict')}: {field('$.detail.reason')}. {address}"
        )
        changed.tell(self._shared.operators, message=events.RuleTargetInput.from_text(text))

    def _make_machine(self, compactor: lambda_.IFunction) -> Machine:
        planner, measurer = self._make_planner(), self._make_measurer()
        observations = self._data.observations
        machine = Machine(
            self,
            "Monitor",
            shared=self._shared,
            start="Plan",
            states=describe_monitoring(
                MonitoringProps(
                    plan_arn=planner.function.function_arn,
                    compact_arn=compactor.function_arn,
                    measure_arn=measurer.function.function_arn,
                    workgroup=observations.workgroup,
                    database=observations.database,
                )
            ),
            # The next look is due by then.
            timeout=Duration.minutes(55),
            meaning="nobody has looked whether the model in production still does what it promised",
        )
        machine.allow_invoking(planner.function, compactor, measurer.function)
        observations.let_ask(machine.role)
        return machine

    def _make_planner(self) -> PythonFunction:
        function = self._make_function("plan_monitoring", {})
        allow_reading(function.role, self._data.observations.bucket, prefix=MEASUREMENTS)
        return function

    def _make_measurer(self) -> PythonFunction:
        bucket = self._data.observations.bucket
        function = self._make_function("measure_traffic", {"BUS_NAME": self._shared.hub_address})
        self._data.observations.let_read_answers(function.role)
        for prefix in (MEASUREMENTS, REPORTS):
            allow_reading(function.role, bucket, prefix=prefix)
            allow_writing(function.role, bucket, prefix=prefix)
        allow_table(function.role, self._data.ledger, "PutItem")
        allow_publishing(function.role, self._shared.hub.event_bus_arn, sources=[FindingChanged.source])
        return function

    def _make_function(self, name: str, environment: dict[str, str]) -> PythonFunction:
        """A function that knows the model in production, and what it showed in training."""
        function = PythonFunction(
            self,
            name,
            shared=self._shared,
            environment={
                "LEDGER_TABLE": name_table(self._data.ledger, self),
                "OBSERVATIONS_BUCKET": self._data.observations.bucket.bucket_name,
                **environment,
            },
            timeout=Duration.minutes(5),
            memory_mb=1024,
        )
        function.watch_errors()
        allow_table(function.role, self._data.ledger, "GetItem")
        allow_reading(function.role, self._data.models)
        allow_listing(function.role, self._data.observations.bucket)
        for group in self._data.groups:
            group.allow(function.role, ["sagemaker:DescribeModelPackage"])
        return function
