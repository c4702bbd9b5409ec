"""What SQL knows of observations: a database, its tables, and where each hour's file must lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_glue as glue
from constructs import Construct

from noriba.records.observations import PARTITION_KEYS, TABLES, ObservationTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_cdk import aws_s3 as s3

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


class ObservationCatalogue(Construct):
    """A Glue database with the tables of observations; `database` is its name.

    Athena computes an hour's folder from the table's properties, so nobody has to add partitions:
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        bucket: where the files lie, in folders of the keys' names and values.
        prefix: the deployment's; the database is called after it, since people write its name.
        use_cases: names of those whose files there may be.
        days: how long files stay.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        prefix: str,
        use_cases: Sequence[str],
        days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        catalog = Stack.of(self).account
        # Without hyphens, which SQL would want in quotes.
        # https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=catalog,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=prefix.replace("-", "_"), description="What models answered and what really happened"
            ),
        )
        self.database = database.ref
        projection = _project(use_cases, days)
        for table in TABLES:
            glue.CfnTable(
                self,
                table.name.capitalize(),
                catalog_id=catalog,
                database_name=self.database,
                table_input=glue.CfnTable.TableInputProperty(
                    name=table.name,
                    description=f"Each row: {table.meaning}",
                    table_type="EXTERNAL_TABLE",
                    parameters={"classification": "parquet", **projection},
                    partition_keys=_describe(PARTITION_KEYS.items()),
                    storage_descriptor=_store(table, f"s3://{bucket.bucket_name}/{table.name}/"),
                ),
            )


def _project(use_cases: Sequence[str], days: int) -> dict[str, str]:
    return {
        "projection.enabled": "true",
        "projection.use_case.type": "enum",
        "projection.use_case.values": ",".join(use_cases),
        "projection.day.type": "date",
        "projection.day.format": "yyyy-MM-dd",
        # An object goes at the midnight after its last day.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
        "projection.day.range": f"NOW-{days + 1}DAYS,NOW",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
    }


def _store(table: ObservationTable, location: str) -> glue.CfnTable.StorageDescriptorProperty:
    return glue.CfnTable.StorageDescriptorProperty(
        columns=_describe(table.columns.items()),
        location=location,
        input_format=f"{_PARQUET}.MapredParquetInputFormat",
        output_format=f"{_PARQUET}.MapredParquetOutputFormat",
        serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
    )


def _describe(columns: Iterable[tuple[str, str]]) -> list[glue.CfnTable.ColumnProperty]:
    return [glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in columns]
