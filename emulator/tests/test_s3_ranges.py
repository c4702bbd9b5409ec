"""Ranges of object versions, as readers of Parquet ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients

CONTENT = bytes(range(256))


@pytest.fixture
def landed(client: Clients, name: str) -> dict[str, Any]:
    """An old version of an object, which has a newer one."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=name, Key="a", Body=CONTENT)["VersionId"]
    s3.put_object(Bucket=name, Key="a", Body=b"newer")
    return {"Bucket": name, "Key": "a", "VersionId": version}


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("bytes=0-0", CONTENT[:1]),
        ("bytes=250-", CONTENT[250:]),
        ("bytes=-4", CONTENT[-4:]),
        ("bytes=8-999", CONTENT[8:]),
    ],
)
def test_a_range_of_a_version_is_that_part_and_no_more(
    client: Clients, landed: dict[str, Any], wanted: str, got: bytes
) -> None:
    answer = client("s3").get_object(**landed, Range=wanted)
    assert answer["Body"].read() == got
    assert answer["ContentLength"] == len(got)
    assert answer["ContentRange"].endswith("/256")


def test_without_a_range_the_whole_version_comes(client: Clients, landed: dict[str, Any]) -> None:
    assert client("s3").get_object(**landed)["Body"].read() == CONTENT


def test_a_range_beyond_the_end_is_refused(client: Clients, landed: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidRange"):
        client("s3").get_object(**landed, Range="bytes=256-")
