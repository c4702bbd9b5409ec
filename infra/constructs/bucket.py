"""A bucket as every one here should be: encrypted with our key, versioned, private, over TLS, its accesses logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

ABANDONED_UPLOAD_DAYS = 7


class SecureBucket(Construct):
    """A bucket of data.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        key: encrypts the objects.
        access_logs: where accesses are logged.
        keep: whether the bucket outlives its stack.
        announce: whether S3 tells EventBridge of every object.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        keep: bool,
        announce: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOAD_DAYS))
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        # `AccessLogs` lets all buckets of the account in.
        Annotations.of(self.bucket).acknowledge_warning("@aws-cdk/aws-s3:accessLogsPolicyNotAdded")
        if announce:
            # The L2's `event_bridge_enabled` brings a custom resource with a function; the property needs none.
            resource = self.bucket.node.default_child
            assert isinstance(resource, s3.CfnBucket)  # noqa: S101  # an L2 bucket's child
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )


class AccessLogs(Construct):
    """The bucket that S3 writes its access logs to."""

    def __init__(self, scope: Construct, construct_id: str, *, days: int, keep: bool) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            # Log delivery cannot write to a bucket encrypted with a key of ours.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
            encryption=s3.BucketEncryption.S3_MANAGED,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=Duration.days(days), noncurrent_version_expiration=Duration.days(1))
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        acknowledge(self.bucket, "AwsSolutions-S1", reason="the bucket of access logs would log itself without end")
        # CDK's own statement for a bucket of another stack lets any account's logs in.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html#grant-log-delivery-permissions-general
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects("*")],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        self.for_buckets = s3.Bucket.from_bucket_name(self, "ForBuckets", self.bucket.bucket_name)
