"""Events kept in S3 for good: a line each, in a folder for each hour, written by Firehose as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.delivery_stream import Delivery, make_delivery_stream, write_processor
from infra.constructs.grants import allow, trust

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

    from infra.constructs.shared import Shared


class EventArchive(Construct):
    """A delivery stream; a rule is given `stream_arn` and the role to put events on it, `sender`."""

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket, prefix: str, shared: Shared) -> None:
        super().__init__(scope, construct_id)
        stream = make_delivery_stream(
            self,
            Delivery(
                what=prefix,
                bucket=bucket,
                folders=[f"{prefix}/"],
                prefix=f"{prefix}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/",
                # EventBridge sends events without an end of line; without one, a file of them is no table.
                processors=[write_processor("AppendDelimiterToRecord", Delimiter="\\n")],
            ),
            shared=shared,
        )
        self.stream_arn = stream.attr_arn
        self.sender = iam.Role(self, "Sender", assumed_by=trust("events", self))
        allow(self.sender, ["firehose:PutRecord", "firehose:PutRecordBatch"], [self.stream_arn])
