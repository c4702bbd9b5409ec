"""A query reads another account's bucket as whoever asks it, where both sides let them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR
from emulator.tests.permissions import allow

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Acting, Clients, Eventually, Role, Run

QUERY = "SELECT count(*) FROM rides"
ATHENA = allow(["athena:*"], "*")


@pytest.fixture
def bucket(client: Clients, name: str) -> str:
    """A bucket with a file, closed to others."""
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="rides/a.csv", Body=b"7\n9\n")
    return name


@pytest.fixture
def results(neighbour: Clients, name: str, bucket: str) -> str:
    """Where results go in another account, which has a table over that bucket."""
    neighbour("s3").create_bucket(Bucket=f"{name}-results")
    glue = neighbour("glue")
    glue.create_database(DatabaseInput={"Name": name})
    table = {
        "Name": "rides",
        "Parameters": {"classification": "csv"},
        "StorageDescriptor": {
            "Location": f"s3://{bucket}/rides/",
            "Columns": [{"Name": "minutes", "Type": "bigint"}],
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
        },
    }
    glue.create_table(DatabaseName=name, TableInput=table)
    return f"s3://{name}-results/"


@pytest.fixture
def ask(name: str, results: str, eventually: Eventually) -> Callable[[Any], dict[str, Any]]:
    """`ask(athena)`: how the query of somebody ended."""

    def run(athena: Any) -> dict[str, Any]:
        """Its status, and the number that it found."""
        query = athena.start_query_execution(
            QueryString=QUERY,
            QueryExecutionContext={"Database": name},
            ResultConfiguration={"OutputLocation": results},
        )["QueryExecutionId"]

        def look() -> dict[str, Any] | None:
            status: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            return status if status["State"] in {"SUCCEEDED", "FAILED"} else None

        ended = dict(eventually(look))
        if ended["State"] == "SUCCEEDED":
            _names, row = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
            ended["found"] = row["Data"][0]["VarCharValue"]
        return ended

    return run


def let_in(client: Clients, bucket: str, *actions: str) -> None:
    """Let the role of a test in, and nobody else of its account."""
    statement = {
        **allow(list(actions), ""),
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Principal": {"AWS": f"arn:aws:iam::{NEIGHBOUR}:role/{bucket}"},
    }
    policy = {"Version": "2012-10-17", "Statement": statement}
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def reading(bucket: str) -> tuple[dict[str, Any], ...]:
    """What somebody needs for the query, and no more."""
    listing = allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}", StringLike={"s3:prefix": "rides/*"})
    return ATHENA, listing, allow(["s3:GetObject"], f"arn:aws:s3:::{bucket}/rides/*")


def test_whom_both_sides_let_is_answered(
    client: Clients, neighbour: Clients, acting: Acting, ask: Callable[[Any], dict[str, Any]], bucket: str
) -> None:
    let_in(client, bucket, "s3:ListBucket", "s3:GetObject")

    assert ask(acting("athena", *reading(bucket)))["found"] == "2"
    # Not the account as such: the bucket lets in one role.
    assert "s3:ListBucket" in ask(neighbour("athena"))["StateChangeReason"]


@pytest.mark.parametrize("missing", ["s3:ListBucket", "s3:GetObject"])
@pytest.mark.parametrize("side", ["the bucket", "the caller"])
def test_whom_one_side_does_not_let_is_refused(
    client: Clients, acting: Acting, ask: Callable[[Any], dict[str, Any]], bucket: str, missing: str, side: str
) -> None:
    both = ("s3:ListBucket", "s3:GetObject")
    let_in(client, bucket, *(one for one in both if one != missing or side == "the caller"))
    mine = [one for one in reading(bucket) if side == "the bucket" or one["Action"] != [missing]]

    ended = ask(acting("athena", *mine))

    assert ended["State"] == "FAILED"
    assert f"is not authorized to perform: {missing}" in ended["StateChangeReason"]


def test_a_task_asks_as_its_machine_s_role(
    client: Clients, their_role: Role, run_there: Run, name: str, bucket: str, results: str
) -> None:
    task = {
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Parameters": {
            "QueryString": QUERY,
            "QueryExecutionContext": {"Database": name},
            "ResultConfiguration": {"OutputLocation": results},
        },
    }
    role = their_role(*reading(bucket))
    assert run_there(role, task)["error"] == "States.TaskFailed"

    let_in(client, bucket, "s3:ListBucket", "s3:GetObject")

    assert run_there(role, task)["status"] == "SUCCEEDED"
