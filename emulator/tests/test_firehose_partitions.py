"""Firehose divides what it is given by what each record says, and writes one object for each part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually

ROLE = "arn:aws:iam::123456789012:role/laptop"


def test_records_of_the_same_keys_lie_together_and_what_has_none_lies_apart(
    client: Clients, name: str, eventually: Eventually
) -> None:
    client("s3").create_bucket(Bucket=name)
    parameters = {"MetadataExtractionQuery": "{who:.about.who}", "JsonParsingEngine": "JQ-1.6"}
    extraction = {
        "Type": "MetadataExtraction",
        "Parameters": [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{name}",
            "RoleARN": ROLE,
            "Prefix": "for/!{partitionKeyFromQuery:who}/!{timestamp:yyyy}/",
            "ErrorOutputPrefix": "refused/!{firehose:error-output-type}/",
            "DynamicPartitioningConfiguration": {"Enabled": True},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [extraction]},
        },
    )

    records = [{"n": n, "about": {"who": who}} for n, who in enumerate(["a", "b", "a", "a"])]
    lines: list[dict[str, Any]] = [*records, {"n": 4}]
    answer = client("firehose").put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": (json.dumps(line) + "\n").encode()} for line in lines]
    )
    assert answer["FailedPutCount"] == 0

    def found() -> dict[str, list[list[int]]]:
        read: dict[str, list[list[int]]] = {}
        for each in client("s3").list_objects_v2(Bucket=name).get("Contents", []):
            folder = "/".join(each["Key"].split("/")[:2])
            body = client("s3").get_object(Bucket=name, Key=each["Key"])["Body"].read()
            parsed = [json.loads(line) for line in body.splitlines()]
            read.setdefault(folder, []).append([line.get("n", -1) for line in parsed])
        return read

    eventually(lambda: found() == {"for/a": [[0, 2, 3]], "for/b": [[1]], "refused/processing-failed": [[-1]]})
