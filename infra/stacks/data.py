"""Landing, ingest, snapshots: raw bucket → INGEST → datasets and quarantine; SETTLE after it; and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events

from infra.constructs.bucket import SecureBucket
from infra.constructs.event_rule import EventRule, TimedRule
from infra.constructs.function import PythonFunction
from infra.constructs.grants import (
    allow_listing,
    allow_reading,
    allow_reading_versions,
    allow_table,
    allow_writing,
)
from infra.constructs.machine import Machine
from infra.constructs.names import KEPT_AS
from infra.machines.ingest import IngestProps, describe_ingest
from infra.machines.settling import ENDED_BADLY, describe_settling
from noriba.events import ExecutionStatusChanged, S3ObjectCreated

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.shared import Shared


class DataStack(Stack):
    """Attributes: `raw`, `datasets`, `quarantine` (buckets), `ledger` (table), `ingest` and `settle` (machines)."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Shared) -> None:
        super().__init__(
            scope, construct_id, description="Noriba: landing, ingest and snapshots", env=shared.environment
        )
        self._shared = shared
        self.raw = self._bucket("Raw", announce=True)
        self.datasets = self._bucket("Datasets")
        self.quarantine = self._bucket("Quarantine")
        self.ledger = self._make_ledger()
        self._make_workers()
        machine = self._make_ingest()
        self.ingest, self.settle = machine.machine, self._make_settling(machine).machine
        landed = EventRule(
            self,
            "Landed",
            shared=shared,
            pattern=S3ObjectCreated.in_bucket(self.raw.bucket_name),
            from_aws=True,
        )
        landed.start(machine)
        CfnOutput(self, "RawBucket", value=self.raw.bucket_name)
        CfnOutput(self, "DatasetsBucket", value=self.datasets.bucket_name)
        CfnOutput(self, "QuarantineBucket", value=self.quarantine.bucket_name)
        CfnOutput(self, "LedgerTable", value=self.ledger.table_name)
        CfnOutput(self, "IngestMachineArn", value=machine.machine.state_machine_arn)

    def _bucket(self, construct_id: str, *, announce: bool = False) -> s3.IBucket:
        return SecureBucket(self, construct_id, shared=self._shared, announce=announce).bucket

    def _make_ledger(self) -> dynamodb.ITable:
        shared, kept = self._shared, self._shared.settings.kept
        if kept is not None:
            return dynamodb.Table.from_table_attributes(
                self, "Ledger", table_name=kept.ledger_table, encryption_key=shared.key
            )
        ledger = dynamodb.Table(
            self,
            "Ledger",
            # As of buckets: a table whose name changes is made anew.
            table_name=None if shared.environment is None else f"{self.stack_name}-ledger",
            partition_key=dynamodb.Attribute(name="use_case", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="entry", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=shared.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.RETAIN if shared.settings.keep_data else RemovalPolicy.DESTROY,
        )
        Tags.of(ledger).add(KEPT_AS, "ledger_table")
        return ledger

    def _make_workers(self) -> None:
        self._plan, self._transform = self._make_planner(), self._make_transformer()
        self._commit, self._refuse = self._make_committer(), self._make_refuser()
        self._places = IngestProps(
            bus_name=self._shared.hub_address,
            plan_arn=self._plan.function.function_arn,
            transform_arn=self._transform.function.function_arn,
            commit_arn=self._commit.function.function_arn,
            refuse_arn=self._refuse.function.function_arn,
            chunks_at_once=self._shared.settings.chunks_at_once,
        )

    def _make_ingest(self) -> Machine:
        machine = Machine(
            self,
            "Ingest",
            shared=self._shared,
            start="Plan",
            states=describe_ingest(self._places),
            timeout=Duration.hours(2),
            meaning="a landed object could not be dealt with, through no fault of its own",
        )
        workers = (self._plan, self._transform, self._commit, self._refuse)
        machine.allow_invoking(*(worker.function for worker in workers))
        machine.allow_children()
        return machine

    def _make_settling(self, ingest: Machine) -> Machine:
        """Settle after an ingest that ended badly, at once; and now and then whatever that missed."""
        shared, finder = self._shared, self._make_finder()
        ingest.let_look_at_executions(finder.role)
        settling = Machine(
            self,
            "Settle",
            shared=shared,
            start="Find unsettled",
            states=describe_settling(
                self._places, find_arn=finder.function.function_arn, ledger_table=self.ledger.table_name
            ),
            timeout=Duration.minutes(30),
            meaning="an object whose ingest ended without an answer could not be settled; it holds up snapshots",
        )
        allow_table(settling.role, self.ledger, "UpdateItem")
        CfnOutput(self, "SettleMachineArn", value=settling.machine.state_machine_arn)
        settling.allow_invoking(finder.function, self._commit.function, self._refuse.function)
        ended = EventRule(
            self,
            "IngestEnded",
            shared=shared,
            pattern=ExecutionStatusChanged.pattern(
                state_machine_arn=ingest.machine.state_machine_arn, status=ENDED_BADLY
            ),
            from_aws=True,
        )
        which = events.EventField.from_path("$.detail.executionArn")
        ended.start(settling, given=events.RuleTargetInput.from_object({"execution": which}))
        swept = TimedRule(self, "Sweep", shared=shared, every=Duration.minutes(15))
        swept.start(settling, given=events.RuleTargetInput.from_object({"execution": ""}))
        return settling

    def _make_planner(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "plan_ingest",
            shared=self._shared,
            environment={"LEDGER_TABLE": self.ledger.table_name},
            timeout=Duration.minutes(2),
            memory_mb=1024,
        )
        allow_reading_versions(function.role, self.raw)
        allow_table(function.role, self.ledger, "GetItem", "PutItem")
        return function

    def _make_transformer(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "transform_features",
            shared=self._shared,
            environment={
                "DATASETS_BUCKET": self.datasets.bucket_name,
                "QUARANTINE_BUCKET": self.quarantine.bucket_name,
            },
            timeout=Duration.minutes(10),
            # One core by default, and no more than the 3,008 MB that new accounts may have:
            # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
            memory_mb=self._shared.settings.transform_memory_mb,
        )
        allow_reading_versions(function.role, self.raw)
        # Reading finds the version of a part that is already there.
        allow_reading(function.role, self.datasets)
        allow_writing(function.role, self.datasets)
        allow_writing(function.role, self.quarantine)
        return function

    def _make_committer(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "commit_snapshot",
            shared=self._shared,
            environment={
                "LEDGER_TABLE": self.ledger.table_name,
                "DATASETS_BUCKET": self.datasets.bucket_name,
            },
            timeout=Duration.minutes(5),
            memory_mb=1024,
        )
        allow_listing(function.role, self.datasets)
        allow_reading(function.role, self.datasets)
        allow_writing(function.role, self.datasets)
        allow_table(function.role, self.ledger, "PutItem", "Query", "UpdateItem")
        return function

    def _make_refuser(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "refuse_object",
            shared=self._shared,
            environment={
                "LEDGER_TABLE": self.ledger.table_name,
                "QUARANTINE_BUCKET": self.quarantine.bucket_name,
            },
            timeout=Duration.minutes(1),
            memory_mb=512,
        )
        function.watch_errors()
        allow_writing(function.role, self.quarantine)
        allow_table(function.role, self.ledger, "UpdateItem")
        return function

    def _make_finder(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "find_unsettled",
            shared=self._shared,
            environment={"LEDGER_TABLE": self.ledger.table_name},
            timeout=Duration.minutes(2),
            memory_mb=512,
        )
        function.watch_errors()
        allow_table(function.role, self.ledger, "GetItem", "Query")
        return function
