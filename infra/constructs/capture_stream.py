"""What functions answered, kept in S3 as SageMaker keeps what its endpoints did: a folder for each variant and hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from infra.constructs.delivery_stream import Delivery, make_delivery_stream, write_processor
from noriba.records.captures import CAPTURED_ENDPOINT, CAPTURED_VARIANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_s3 as s3

    from infra.constructs.shared import Shared

_BUFFER_MB = 64
"""The least that a stream may collect which divides what it is given.

https://docs.aws.amazon.com/firehose/latest/dev/buffering.html
"""


def name_capture_stream(prefix: str) -> str:
    """The stream; a fixed name, for those who put answers on it are deployed before the bucket that they end in."""
    return f"{prefix}-captures"


class CaptureStream(Construct):
    """A delivery stream that reads in each line which folder it belongs into.

    https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, bucket: s3.IBucket, endpoints: Iterable[str], shared: Shared
    ) -> None:
        super().__init__(scope, construct_id)
        make_delivery_stream(
            self,
            Delivery(
                what="captures",
                bucket=bucket,
                folders=[f"{name}/" for name in endpoints],
                prefix="!{partitionKeyFromQuery:endpoint}/!{partitionKeyFromQuery:variant}/"
                "!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/",
                processors=[_find_folders()],
                buffer_mb=_BUFFER_MB,
                divided=True,
                name=name_capture_stream(shared.settings.prefix),
            ),
            shared=shared,
        )


def _find_folders() -> firehose.CfnDeliveryStream.ProcessorProperty:
    of = {"endpoint": CAPTURED_ENDPOINT, "variant": CAPTURED_VARIANT}
    query = ",".join(f"{key}:.eventMetadata.{name}" for key, name in of.items())
    return write_processor("MetadataExtraction", MetadataExtractionQuery=f"{{{query}}}", JsonParsingEngine="JQ-1.6")
