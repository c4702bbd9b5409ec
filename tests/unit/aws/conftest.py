"""AWS as moto keeps it in memory, one for each module of tests; every test makes its own bucket and its own table."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import boto3
import pytest
from moto import mock_aws

from noriba.aws.clients import Clients
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION: Final = "ap-northeast-1"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        yield Clients(boto3.Session(region_name=REGION))


@pytest.fixture
def store(clients: Clients) -> ObjectStore:
    """A versioned bucket."""
    bucket = f"bucket-{next(_numbers)}"
    clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return ObjectStore(clients.s3, bucket)


@pytest.fixture
def ledger(clients: Clients) -> Ledger:
    """The ledger of one use case, in a table of its own."""
    table = clients.dynamodb.create_table(
        TableName=f"ledger-{next(_numbers)}",
        KeySchema=[{"AttributeName": "use_case", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "use_case", "AttributeType": "S"},
            {"AttributeName": "entry", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return Ledger(table, "taxi_eta")
