"""What functions answered, kept in S3 as SageMaker keeps what its endpoints did: a folder for each variant and hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.event_archive import BUFFER_S, encrypt_with, watch_freshness
from infra.constructs.grants import (
    allow,
    allow_listing,
    allow_reading,
    allow_using_key,
    allow_writing,
    format_arn,
    trust,
)
from noriba.records.captures import CAPTURED_ENDPOINT, CAPTURED_VARIANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_s3 as s3

    from infra.constructs.shared import Shared

_ERRORS = "errors"
_FAILED = "failed/"
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
        log_group = logs.LogGroup(self, "Logs", retention=shared.log_retention, removal_policy=RemovalPolicy.DESTROY)
        log_group.add_stream("Stream", log_stream_name=_ERRORS)
        role = iam.Role(self, "Role", assumed_by=trust("firehose", self))
        # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
        allow(role, ["s3:ListBucketMultipartUploads", "s3:GetBucketLocation"], [bucket.bucket_arn])
        allow_listing(role, bucket)
        for place in (*(f"{name}/" for name in endpoints), _FAILED):
            allow(role, ["s3:AbortMultipartUpload"], [bucket.arn_for_objects(f"{place}*")])
            allow_reading(role, bucket, prefix=place)
            allow_writing(role, bucket, prefix=place)
        allow(
            role,
            ["logs:PutLogEvents"],
            [format_arn(Stack.of(self), "logs", f"log-group:{log_group.log_group_name}:log-stream:{_ERRORS}")],
        )
        allow_using_key(role, shared.key, writing=True)
        stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_name=name_capture_stream(shared.settings.prefix),
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=encrypt_with(shared.key.key_arn),
            extended_s3_destination_configuration=firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=bucket.bucket_arn,
                role_arn=role.role_arn,
                prefix="!{partitionKeyFromQuery:endpoint}/!{partitionKeyFromQuery:variant}/"
                "!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/",
                error_output_prefix=f"{_FAILED}!{{firehose:error-output-type}}/date=!{{timestamp:yyyy-MM-dd}}/",
                buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                    interval_in_seconds=BUFFER_S, size_in_m_bs=_BUFFER_MB
                ),
                cloud_watch_logging_options=firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                    enabled=True, log_group_name=log_group.log_group_name, log_stream_name=_ERRORS
                ),
                dynamic_partitioning_configuration=firehose.CfnDeliveryStream.DynamicPartitioningConfigurationProperty(
                    enabled=True
                ),
                processing_configuration=firehose.CfnDeliveryStream.ProcessingConfigurationProperty(
                    enabled=True, processors=[_find_folders()]
                ),
            ),
        )
        stream.node.add_dependency(role)
        watch_freshness(self, stream, what="captures", operators=shared.operators)


def _find_folders() -> firehose.CfnDeliveryStream.ProcessorProperty:
    of = {"endpoint": CAPTURED_ENDPOINT, "variant": CAPTURED_VARIANT}
    query = ",".join(f"{key}:.eventMetadata.{name}" for key, name in of.items())
    parameters = {"MetadataExtractionQuery": f"{{{query}}}", "JsonParsingEngine": "JQ-1.6"}
    return firehose.CfnDeliveryStream.ProcessorProperty(
        type="MetadataExtraction",
        parameters=[
            firehose.CfnDeliveryStream.ProcessorParameterProperty(parameter_name=name, parameter_value=value)
            for name, value in parameters.items()
        ],
    )
