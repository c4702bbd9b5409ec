"""Captures and outcomes for SQL: lines → COMPACT, every hour → Parquet ← Athena."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack

from infra.constructs.bucket import SecureBucket
from infra.constructs.event_rule import TimedRule
from infra.constructs.function import PythonFunction
from infra.constructs.grants import allow_listing, allow_reading, allow_writing
from infra.constructs.observation_catalogue import ObservationCatalogue
from infra.constructs.query_access import QueryAccess
from infra.constructs.query_workgroup import QueryWorkgroup
from noriba.records.measurements import MEASUREMENTS
from noriba.records.monitoring import REPORTS
from noriba.records.observations import RESULTS, TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


class ObservationsStack(Stack):
    """What models answered and what really happened, as tables.

    Attributes: `access` (to ask about them), `compactor` (the function that makes tables of what came since).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        captures: s3.IBucket,
        outcomes: s3.IBucket,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(scope, construct_id, description="Noriba: captures and outcomes for SQL")
        self._shared, self._captures, self._outcomes = shared, captures, outcomes
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
        compactor = self._make_compactor()
        self.compactor = compactor.function
        TimedRule(self, "Compact", shared=shared, every=Duration.hours(1)).invoke(compactor.function)
        CfnOutput(self, "ObservationsBucket", value=self._observations.bucket_name)
        CfnOutput(self, "ObservationsDatabase", value=catalogue.database)
        CfnOutput(self, "QueryWorkgroup", value=workgroup.name)
        CfnOutput(self, "CompactFunction", value=compactor.function.function_name)

    def _make_compactor(self) -> PythonFunction:
        shared = self._shared
        function = PythonFunction(
            self,
            "compact_observations",
            shared=shared,
            environment={
                "CAPTURES_BUCKET": self._captures.bucket_name,
                "OUTCOMES_BUCKET": self._outcomes.bucket_name,
                "OBSERVATIONS_BUCKET": self._observations.bucket_name,
                "RESOURCE_PREFIX": shared.settings.prefix,
            },
            timeout=Duration.minutes(15),
            memory_mb=1769,  # one core
        )
        function.watch_errors()
        function.send_failures_to(shared.dead_letters)
        for bucket in (self._captures, self._outcomes, self._observations):
            allow_listing(function.role, bucket)
            allow_reading(function.role, bucket)
        for table in TABLES:
            allow_writing(function.role, self._observations, prefix=f"{table.name}/")
        return function
