"""A stream of Firehose's into a bucket, with what each needs: a role, a log of its errors, a key, and an alarm.

By hand and not by CDK's L2, whose grants carry wildcards in their actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs

from infra.constructs.alarm import OperatorAlarm
from infra.constructs.grants import (
    allow,
    allow_listing,
    allow_reading,
    allow_using_key,
    allow_writing,
    format_arn,
    trust,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.shared import Shared

BUFFER_S = 60
STALE_S = 900
"""Fifteen times as long as a stream may hold back what it is given."""
_ERRORS = "errors"
_FAILED = "failed/"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a stream is given, and where it goes.

    Attributes:
        what: in words, of which there are several.
        bucket: where it ends.
        folders: in which it may write; others may keep theirs in the same bucket.
        prefix: of an object, with Firehose's own names for times and parts.
        processors: of what it is given, in their order.
        buffer_mb: that it may collect before it writes.
        divided: whether the prefix has parts that are read in each record.
        name: the stream's; CloudFormation's choice when None.
    """

    what: str
    bucket: s3.IBucket
    folders: Sequence[str]
    prefix: str
    processors: Sequence[firehose.CfnDeliveryStream.ProcessorProperty]
    buffer_mb: int = 5
    divided: bool = False
    name: str | None = None


def make_delivery_stream(scope: Construct, delivery: Delivery, *, shared: Shared) -> firehose.CfnDeliveryStream:
    """The stream; it stands in the scope with its log, its role and its alarm."""
    log_group = logs.LogGroup(scope, "Logs", retention=shared.log_retention, removal_policy=RemovalPolicy.DESTROY)
    log_group.add_stream("Stream", log_stream_name=_ERRORS)
    role = _make_role(scope, delivery, log_group, shared)
    of = firehose.CfnDeliveryStream
    stream = firehose.CfnDeliveryStream(
        scope,
        "Stream",
        delivery_stream_name=delivery.name,
        delivery_stream_type="DirectPut",
        delivery_stream_encryption_configuration_input=of.DeliveryStreamEncryptionConfigurationInputProperty(
            key_type="CUSTOMER_MANAGED_CMK", key_arn=shared.key.key_arn
        ),
        extended_s3_destination_configuration=of.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=delivery.bucket.bucket_arn,
            role_arn=role.role_arn,
            prefix=delivery.prefix,
            error_output_prefix=f"{_FAILED}!{{firehose:error-output-type}}/date=!{{timestamp:yyyy-MM-dd}}/",
            buffering_hints=of.BufferingHintsProperty(interval_in_seconds=BUFFER_S, size_in_m_bs=delivery.buffer_mb),
            cloud_watch_logging_options=of.CloudWatchLoggingOptionsProperty(
                enabled=True, log_group_name=log_group.log_group_name, log_stream_name=_ERRORS
            ),
            dynamic_partitioning_configuration=(
                of.DynamicPartitioningConfigurationProperty(enabled=True) if delivery.divided else None
            ),
            processing_configuration=of.ProcessingConfigurationProperty(enabled=True, processors=delivery.processors),
        ),
    )
    stream.node.add_dependency(role)
    _watch_freshness(scope, stream, delivery.what, shared)
    return stream


def write_processor(kind: str, **parameters: str) -> firehose.CfnDeliveryStream.ProcessorProperty:
    """A processor of Firehose's own, and its parameters.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_ProcessorParameter.html
    """
    return firehose.CfnDeliveryStream.ProcessorProperty(
        type=kind,
        parameters=[
            firehose.CfnDeliveryStream.ProcessorParameterProperty(parameter_name=name, parameter_value=value)
            for name, value in parameters.items()
        ],
    )


def _make_role(scope: Construct, delivery: Delivery, log_group: logs.LogGroup, shared: Shared) -> iam.Role:
    role, bucket = iam.Role(scope, "Role", assumed_by=trust("firehose", scope)), delivery.bucket
    # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
    allow(role, ["s3:ListBucketMultipartUploads", "s3:GetBucketLocation"], [bucket.bucket_arn])
    allow_listing(role, bucket)
    for folder in (*delivery.folders, _FAILED):
        # Of an object, not of the bucket.
        allow(role, ["s3:AbortMultipartUpload"], [bucket.arn_for_objects(f"{folder}*")])
        allow_reading(role, bucket, prefix=folder)
        allow_writing(role, bucket, prefix=folder)
    allow(
        role,
        ["logs:PutLogEvents"],
        # The group's ARN ends in `:*`, which stands for all of its streams.
        [format_arn(Stack.of(scope), "logs", f"log-group:{log_group.log_group_name}:log-stream:{_ERRORS}")],
    )
    allow_using_key(role, shared.key, writing=True)
    return role


def _watch_freshness(scope: Construct, stream: firehose.CfnDeliveryStream, what: str, shared: Shared) -> None:
    OperatorAlarm(
        scope,
        "Freshness",
        metric=cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name="DeliveryToS3.DataFreshness",
            dimensions_map={"DeliveryStreamName": stream.ref},
            period=Duration.minutes(5),
            statistic=cloudwatch.Stats.MAXIMUM,
        ),
        threshold=STALE_S,
        meaning=f"{what} wait for over {STALE_S / 60:.0f} minutes to be kept in S3; see the stream's error log",
        operators=shared.operators,
    )
