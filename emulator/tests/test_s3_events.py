"""What EventBridge is told when an object lands in S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Watch
    from laptop_cloud.process import RunningCloud


@pytest.fixture
def bucket(client: Clients, name: str) -> Any:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return name


def test_an_object_in_a_versioned_bucket_is_told_with_its_version(client: Clients, watch: Watch, bucket: str) -> None:
    client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    inbox = watch({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})

    version_id = client("s3").put_object(Bucket=bucket, Key="trips/a b.csv", Body=b"x")["VersionId"]

    event = inbox.receive_json()
    assert event["detail-type"] == "Object Created"
    assert event["detail"]["object"]["key"] == "trips/a b.csv"
    assert event["detail"]["object"]["version-id"] == version_id


def test_without_versions_the_event_names_none(client: Clients, watch: Watch, bucket: str) -> None:
    inbox = watch({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})

    client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")

    assert "version-id" not in inbox.receive_json()["detail"]["object"]


def test_an_archive_of_the_default_bus_keeps_what_s3_told(
    client: Clients, cloud: RunningCloud, bucket: str, name: str, watch: Watch
) -> None:
    events = client("events")
    bus = f"arn:aws:events:{cloud.region}:{cloud.account}:event-bus/default"
    pattern = json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    events.create_archive(ArchiveName=name, EventSourceArn=bus, EventPattern=pattern)
    inbox = watch({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})

    client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    inbox.receive()

    assert events.describe_archive(ArchiveName=name)["EventCount"] == 1
