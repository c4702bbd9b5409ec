"""Who may ask SQL about observations: everything that a query touches, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Stack

from infra.constructs.grants import allow, allow_listing, allow_reading, allow_writing, format_arn
from noriba.records.observations import ASKED, RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_s3 as s3

    from infra.constructs.grants import Grantee
    from noriba.records.observations import ObservationTable


@dataclass(frozen=True)
class QueryAccess:
    """Tables, and where they are asked.

    Attributes:
        bucket: of the tables' files, and of answers.
        workgroup: its name.
        database: its name.
        tables: those that may be asked about.
        results: the prefix that answers lie under.
    """

    bucket: s3.IBucket
    workgroup: str
    database: str
    tables: Sequence[ObservationTable] = ASKED
    results: str = RESULTS

    def let_ask(self, role: Grantee) -> None:
        """Let a role start queries and wait for them: Athena reads tables, and writes answers, as who asks.

        Partitions are projected, so no catalogue's are looked up.
        https://docs.aws.amazon.com/step-functions/latest/dg/connect-athena.html
        https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
        """
        stack = Stack.of(role)
        actions = ("StartQueryExecution", "StopQueryExecution", "GetQueryExecution")
        allow(role, [f"athena:{action}" for action in actions], [self._workgroup_arn(stack)])
        allow(role, ["athena:GetDataCatalog"], [format_arn(stack, "athena", "datacatalog/AwsDataCatalog")])
        tables = [f"table/{self.database}/{table.name}" for table in self.tables]
        things = ["catalog", f"database/{self.database}", *tables]
        allow(role, ["glue:GetDatabase", "glue:GetTable"], [format_arn(stack, "glue", thing) for thing in things])
        for table in self.tables:
            allow_reading(role, self.bucket, prefix=f"{table.name}/")
        allow_reading(role, self.bucket, prefix=self.results)
        allow_writing(role, self.bucket, prefix=self.results)
        allow_listing(role, self.bucket)
        allow(role, ["s3:GetBucketLocation"], [self.bucket.bucket_arn])

    def let_read_answers(self, role: Grantee) -> None:
        """Let a role read what a query has found; Athena fetches it from S3 as who asks."""
        allow(role, ["athena:GetQueryResults"], [self._workgroup_arn(Stack.of(role))])
        allow_reading(role, self.bucket, prefix=self.results)

    def _workgroup_arn(self, stack: Stack) -> str:
        return format_arn(stack, "athena", f"workgroup/{self.workgroup}")
