"""SQL with parameters, over files that lie in folders named after their partition."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.tests.conftest import Clients, Eventually


class Ask(Protocol):
    def __call__(self, query: str, *parameters: str) -> list[list[str | None]]: ...


def write(client: Clients, bucket: str, hour: str, minutes: int) -> None:
    """An hour's file with two rides."""
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"rider": ["o'neil", "b?"], "minutes": [minutes, minutes + 1]}), sink)
    key = f"rides/day=2026-07-01/hour={hour}/a.parquet"
    client("s3").put_object(Bucket=bucket, Key=key, Body=sink.getvalue())


@pytest.fixture
def bucket(client: Clients, name: str) -> str:
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def rides(client: Clients, bucket: str) -> str:
    """A table with an hour in each file, whose partitions are projected; nobody adds them."""
    for hour, minutes in (("07", 10), ("19", 30)):
        write(client, bucket, hour, minutes)
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": bucket})
    glue.create_table(
        DatabaseName=bucket,
        TableInput={
            "Name": "rides",
            "Parameters": {"classification": "parquet", "projection.enabled": "true"},
            "PartitionKeys": [{"Name": "day", "Type": "string"}, {"Name": "hour", "Type": "int"}],
            "StorageDescriptor": {
                "Location": f"s3://{bucket}/rides/",
                "Columns": [{"Name": "rider", "Type": "string"}, {"Name": "minutes", "Type": "bigint"}],
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        },
    )
    return bucket


@pytest.fixture
def ask(client: Clients, rides: str, eventually: Eventually) -> Ask:
    athena = client("athena")

    def run(query: str, *parameters: str) -> list[list[str | None]]:
        given: dict[str, Any] = {"ExecutionParameters": list(parameters)} if parameters else {}
        execution = athena.start_query_execution(
            QueryString=query,
            QueryExecutionContext={"Database": rides},
            ResultConfiguration={"OutputLocation": f"s3://{rides}/results/"},
            **given,
        )["QueryExecutionId"]

        def look() -> str | None:
            status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            return status["State"] if status["State"] in {"SUCCEEDED", "FAILED"} else None

        assert eventually(look) == "SUCCEEDED"
        _names, *rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
        return [[datum.get("VarCharValue") for datum in row["Data"]] for row in rows]

    return run


def test_parameters_take_the_places_of_question_marks_in_their_order(
    ask: Ask,
) -> None:
    query = "SELECT minutes FROM rides WHERE rider = ? AND day = ? AND hour >= ? ORDER BY minutes"

    assert ask(query, "'o''neil'", "'2026-07-01'", "8") == [["30"]]
    assert ask(query, "'o''neil'", "'2026-07-01'", "7") == [["10"], ["30"]]


def test_a_question_mark_inside_of_text_or_a_comment_is_no_parameter(
    ask: Ask,
) -> None:
    assert ask("SELECT count(*) FROM rides WHERE rider = 'b?' AND hour = ? -- which one?", "7") == [["1"]]


@pytest.mark.parametrize("parameters", [(), ("1", "2"), ("o'neil",), ("1; DROP TABLE rides",)])
def test_parameters_that_do_not_fit_are_refused(ask: Ask, parameters: tuple[str, ...]) -> None:
    with pytest.raises(ClientError) as failure:
        ask("SELECT count(*) FROM rides WHERE hour = ?", *parameters)
    assert failure.value.response["Error"]["Code"] == "InvalidRequestException"


def test_each_query_finds_what_lies_there_now(client: Clients, rides: str, ask: Ask) -> None:
    query = "SELECT hour, min(minutes) FROM rides GROUP BY hour ORDER BY hour"
    assert ask(query) == [["7", "10"], ["19", "30"]]

    write(client, rides, "07", 40)
    write(client, rides, "20", 30)
    client("s3").delete_object(Bucket=rides, Key="rides/day=2026-07-01/hour=19/a.parquet")
    client("s3").put_object(Bucket=rides, Key="rides/day=2026-07-01/_unfinished", Body=b"no Parquet")

    assert ask(query) == [["7", "40"], ["20", "30"]]
    assert ask(query) == [["7", "40"], ["20", "30"]]


def test_only_files_of_partitions_that_are_asked_for_are_opened(client: Clients, rides: str, ask: Ask) -> None:
    """A file that nobody could read lies in another day's folder."""
    client("s3").put_object(Bucket=rides, Key="rides/day=2026-06-30/hour=07/a.parquet", Body=b"no Parquet")

    assert ask("SELECT count(*) FROM rides WHERE day >= ? AND hour = 7", "'2026-07-01'") == [["2"]]
    assert ask("SELECT count(*) FROM rides WHERE day BETWEEN ? AND ?", "'2026-07-01'", "'2026-07-09'") == [["4"]]
    assert ask(
        "WITH these AS (SELECT minutes FROM rides WHERE day = ? AND rider = 'b?'), "
        "later AS (SELECT minutes FROM rides r WHERE r.day > '2026-07-01') "
        "SELECT (SELECT count(*) FROM these), (SELECT count(*) FROM later), "
        "(SELECT count(*) FROM rides WHERE day < '2026-07-02' AND day > '2026-06-30')",
        "'2026-07-01'",
    ) == [["2", "0", "4"]]


def test_copies_of_what_was_written_over_go(
    client: Clients, rides: str, ask: Ask, cloud_state: Path, eventually: Eventually
) -> None:
    def count_copies() -> int:
        return len(list(cloud_state.rglob("athena-*/kept/*/day=*/hour=*/*.parquet")))

    ask("SELECT count(*) FROM rides")
    before = count_copies()
    for minutes in range(5):
        write(client, rides, "07", minutes)
        assert ask("SELECT min(minutes) FROM rides") == [[str(minutes)]]

    # Whoever asks next removes what the one before has left.
    assert eventually(lambda: ask("SELECT 1 FROM rides LIMIT 1") and count_copies() == before)
