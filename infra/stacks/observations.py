"""Captures and outcomes for SQL: lines → COMPACT, every hour → Parquet ← Athena; and GATHER → the raw bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack

from infra.constructs.bucket import SecureBucket
from infra.constructs.event_rule import TimedRule
from infra.constructs.function import PythonFunction
from infra.constructs.grants import (
    allow_deleting_versions,
    allow_listing,
    allow_reading,
    allow_table,
    allow_writing,
    name_table,
)
from infra.constructs.observation_catalogue import ObservationCatalogue
from infra.constructs.query_access import QueryAccess
from infra.constructs.query_workgroup import QueryWorkgroup
from noriba.records.measurements import MEASUREMENTS
from noriba.records.monitoring import REPORTS
from noriba.records.observations import ASKED, RESULTS, SHOWN, SHOWN_RESULTS, TABLES
from noriba.records.traffic import RECEIPTS, name_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


@dataclass(frozen=True)
class ObservedData:
    """What others made: where captures and outcomes come from, and where gathered traffic goes."""

    captures: s3.IBucket
    outcomes: s3.IBucket
    raw: s3.IBucket
    ledger: dynamodb.ITable


class ObservationsStack(Stack):
    """What models answered and what really happened, as tables.

    Attributes: `access` (to ask about them), `shown` (to ask about what tells nothing of riders), `compactor` (the
    function that makes tables of what came since), `gatherer` (the function that makes training rows of them).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        data: ObservedData,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(
            scope, construct_id, description="Noriba: captures and outcomes for SQL", env=shared.environment
        )
        self._shared, self._data = shared, data
        days = shared.settings.capture_days
        folders = [*(f"{table.name}/" for table in TABLES), MEASUREMENTS, REPORTS]
        # Features hold places here too: they stay no longer than the captures that they came from.
        self._observations = SecureBucket(
            self, "Observations", shared=shared, days=days, scratch=folders, fleeting=RESULTS
        ).bucket
        catalogue = ObservationCatalogue(
            self,
            "Catalogue",
            bucket=self._observations,
            prefix=shared.settings.prefix,
            use_cases=[use_case.name for use_case in use_cases],
            days=days,
        )
        workgroup = QueryWorkgroup(self, "Queries", shared=shared, bucket=self._observations, results=RESULTS)
        self.access = QueryAccess(self._observations, workgroup.name, catalogue.database)
        shown = QueryWorkgroup(
            self, "ShownQueries", shared=shared, bucket=self._observations, results=SHOWN_RESULTS, called="-shown"
        )
        self.shown = QueryAccess(self._observations, shown.name, catalogue.database, SHOWN, SHOWN_RESULTS)
        compactor = self._make_compactor()
        self.compactor = compactor.function
        TimedRule(self, "Compact", shared=shared, every=Duration.hours(1)).invoke(compactor.function)
        gatherer = self._make_gatherer([use_case.name for use_case in use_cases])
        self.gatherer = gatherer.function
        # A day is over once a day, but a run that failed should not cost one.
        TimedRule(self, "Gather", shared=shared, every=Duration.hours(1)).invoke(gatherer.function)
        CfnOutput(self, "ObservationsBucket", value=self._observations.bucket_name)
        CfnOutput(self, "ObservationsDatabase", value=catalogue.database)
        CfnOutput(self, "QueryWorkgroup", value=workgroup.name)
        CfnOutput(self, "CompactFunction", value=compactor.function.function_name)
        CfnOutput(self, "GatherFunction", value=gatherer.function.function_name)

    def _make_compactor(self) -> PythonFunction:
        shared = self._shared
        function = PythonFunction(
            self,
            "compact_observations",
            shared=shared,
            environment={
                "CAPTURES_BUCKET": self._data.captures.bucket_name,
                "OUTCOMES_BUCKET": self._data.outcomes.bucket_name,
                "OBSERVATIONS_BUCKET": self._observations.bucket_name,
                "RESOURCE_PREFIX": shared.settings.prefix,
            },
            timeout=Duration.minutes(15),
            memory_mb=1769,  # one core
        )
        function.watch_errors()
        function.send_failures_to(shared.dead_letters)
        for bucket in (self._data.captures, self._data.outcomes, self._observations):
            allow_listing(function.role, bucket)
            allow_reading(function.role, bucket)
        for table in TABLES:
            allow_writing(function.role, self._observations, prefix=f"{table.name}/")
        return function

    def _make_gatherer(self, use_cases: Sequence[str]) -> PythonFunction:
        shared, raw, ledger = self._shared, self._data.raw, self._data.ledger
        function = PythonFunction(
            self,
            "gather_traffic",
            shared=shared,
            environment={
                "OBSERVATIONS_BUCKET": self._observations.bucket_name,
                "RAW_BUCKET": raw.bucket_name,
                "LEDGER_TABLE": name_table(ledger, self),
                "CAPTURE_DAYS": str(shared.settings.capture_days),
            },
            timeout=Duration.minutes(15),
            memory_mb=1769,  # one core
        )
        function.watch_errors()
        function.send_failures_to(shared.dead_letters)
        allow_listing(function.role, self._observations)
        for table in ASKED:
            allow_reading(function.role, self._observations, prefix=f"{table.name}/")
        allow_writing(function.role, self._observations, prefix=RECEIPTS)
        # Nothing else of what landed is its business.
        for use_case in use_cases:
            allow_reading(function.role, raw, prefix=name_folder(use_case))
            allow_writing(function.role, raw, prefix=name_folder(use_case))
            # What it wrote while that was being erased.
            allow_deleting_versions(function.role, raw, prefix=name_folder(use_case))
        # Whether a day was erased.
        allow_table(function.role, ledger, "Query")
        return function
