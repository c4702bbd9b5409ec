"""Observations as SQL sees them: tables, the folders that Athena looks into, and what a query may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from noriba.records.observations import PARTITION_KEYS, SHOWN, TABLES, ObservationTable, name_file

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


def find_table(assembly: Assembly, table: ObservationTable) -> dict[str, Any]:
    [found] = [
        resource.properties["TableInput"]
        for resource in assembly.find("AWS::Glue::Table")
        if resource.properties["TableInput"]["Name"] == table.name
    ]
    return dict(found)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_catalogue_knows_the_columns_that_are_written(assembly: Assembly, table: ObservationTable) -> None:
    found = find_table(assembly, table)
    columns, keys = found["StorageDescriptor"]["Columns"], found["PartitionKeys"]

    assert {column["Name"]: column["Type"] for column in columns} == table.columns
    assert {key["Name"]: key["Type"] for key in keys} == PARTITION_KEYS
    assert "Parquet" in found["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_athena_looks_for_an_hour_where_it_is_written(
    assembly: Assembly, customised: Assembly, table: ObservationTable
) -> None:
    found = find_table(assembly, table)
    hour = datetime(2026, 7, 1, 9, tzinfo=UTC)

    # Without a template, folders are named key=value, in the keys' order.
    # https://docs.aws.amazon.com/athena/latest/ug/partition-projection-setting-up.html
    assert "storage.location.template" not in found["Parameters"]
    assert found["StorageDescriptor"]["Location"] == f"s3://<ObservationsBucket>/{table.name}/"
    assert name_file(table, "taxi_eta", hour).startswith(f"{table.name}/use_case=taxi_eta/day=2026-07-01/hour=09/")
    assert [key["Name"] for key in found["PartitionKeys"]] == ["use_case", "day", "hour"]
    assert {name.removeprefix("projection."): value for name, value in found["Parameters"].items()} == {
        "classification": "parquet",
        "enabled": "true",
        "use_case.type": "enum",
        "use_case.values": "taxi_eta",
        "day.type": "date",
        "day.format": "yyyy-MM-dd",
        "day.range": "NOW-91DAYS,NOW",
        "hour.type": "integer",
        "hour.range": "0,23",
        "hour.digits": "2",
    }
    assert find_table(customised, table)["Parameters"]["projection.day.range"] == "NOW-31DAYS,NOW"


def test_nobody_chooses_where_answers_lie_or_how_much_a_query_reads(assembly: Assembly, customised: Assembly) -> None:
    places = {"": "results/", "-shown": "results/shown/"}
    for found, prefix, gib in ((assembly, "noriba", 10), (customised, "trial", 2)):
        groups = {one.properties["Name"]: one.properties for one in found.find("AWS::Athena::WorkGroup")}

        assert groups.keys() == {f"{prefix}{called}" for called in places}
        for called, place in places.items():
            configuration = groups[f"{prefix}{called}"]["WorkGroupConfiguration"]
            assert configuration["EnforceWorkGroupConfiguration"] is True
            assert configuration["ResultConfiguration"] == {
                "OutputLocation": f"s3://<ObservationsBucket>/{place}",
                "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "<Key.Arn>"},
            }
            assert configuration["BytesScannedCutoffPerQuery"] == gib * 2**30


def test_a_table_that_is_shown_tells_nothing_of_riders() -> None:
    assert not {"subject_group", "features", "inputs"} & {name for table in SHOWN for name in table.columns}


def test_a_database_s_name_needs_no_quotes_in_sql(assembly: Assembly) -> None:
    [database] = assembly.find("AWS::Glue::Database")

    assert database.properties["DatabaseInput"]["Name"] == "noriba"
