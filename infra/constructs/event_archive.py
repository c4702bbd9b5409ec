"""Events kept in S3 for good: a line each, in a folder for each hour, written by Firehose as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

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
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns

    from infra.constructs.shared import Shared

BUFFER_S = 60
BUFFER_MB = 5
STALE_S = 900
"""Fifteen times as long as the stream may hold events back."""
_ERRORS = "errors"
_FAILED = "failed/"


class EventArchive(Construct):
    """A delivery stream; a rule is given `stream_arn` and the role to put events on it, `sender`.

    By hand and not by CDK's L2, whose grants carry wildcards in their actions.
    """

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket, prefix: str, shared: Shared) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(self, "Logs", retention=shared.log_retention, removal_policy=RemovalPolicy.DESTROY)
        log_group.add_stream("Stream", log_stream_name=_ERRORS)
        role = iam.Role(self, "Role", assumed_by=trust("firehose", self))
        # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
        allow(
            role,
            ["s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
            [bucket.bucket_arn],
        )
        allow_listing(role, bucket)
        # Other archives keep theirs in the same bucket.
        for place in (f"{prefix}/", _FAILED):
            # Of an object, not of the bucket.
            allow(role, ["s3:AbortMultipartUpload"], [bucket.arn_for_objects(f"{place}*")])
            allow_reading(role, bucket, prefix=place)
            allow_writing(role, bucket, prefix=place)
        allow(
            role,
            ["logs:PutLogEvents"],
            # The group's ARN ends in `:*`, which stands for all of its streams.
            [format_arn(Stack.of(self), "logs", f"log-group:{log_group.log_group_name}:log-stream:{_ERRORS}")],
        )
        allow_using_key(role, shared.key, writing=True)
        stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=encrypt_with(shared.key.key_arn),
            extended_s3_destination_configuration=firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=bucket.bucket_arn,
                role_arn=role.role_arn,
                prefix=f"{prefix}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/",
                error_output_prefix=f"{_FAILED}!{{firehose:error-output-type}}/date=!{{timestamp:yyyy-MM-dd}}/",
                buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                    interval_in_seconds=BUFFER_S, size_in_m_bs=BUFFER_MB
                ),
                cloud_watch_logging_options=firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                    enabled=True, log_group_name=log_group.log_group_name, log_stream_name=_ERRORS
                ),
                processing_configuration=_end_lines(),
            ),
        )
        stream.node.add_dependency(role)
        self.stream_arn = stream.attr_arn
        watch_freshness(self, stream, what=prefix, operators=shared.operators)
        self.sender = iam.Role(self, "Sender", assumed_by=trust("events", self))
        allow(self.sender, ["firehose:PutRecord", "firehose:PutRecordBatch"], [self.stream_arn])


def watch_freshness(scope: Construct, stream: firehose.CfnDeliveryStream, *, what: str, operators: sns.ITopic) -> None:
    """Make it an alarm when what is put on a stream does not arrive."""
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
        operators=operators,
    )


def encrypt_with(key_arn: str) -> firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty:
    """What lies on a stream is encrypted with a key of ours."""
    return firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(
        key_type="CUSTOMER_MANAGED_CMK", key_arn=key_arn
    )


def _end_lines() -> firehose.CfnDeliveryStream.ProcessingConfigurationProperty:
    """EventBridge sends events without an end of line; without one, a file of them is no table."""
    return firehose.CfnDeliveryStream.ProcessingConfigurationProperty(
        enabled=True,
        processors=[
            firehose.CfnDeliveryStream.ProcessorProperty(
                type="AppendDelimiterToRecord",
                parameters=[
                    firehose.CfnDeliveryStream.ProcessorParameterProperty(
                        parameter_name="Delimiter", parameter_value="\\n"
                    )
                ],
            )
        ],
    )
