"""A bucket as every one here should be: encrypted with our key, versioned, private, over TLS, its accesses logged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.names import KEPT_AS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms

    from infra.constructs.shared import Shared

ABANDONED_UPLOAD_DAYS = 7
_TELLING_APART = 12
"""Digits of a bucket's name, which no other bucket in the world may have."""


class SecureBucket(Construct):
    """A bucket of data, or the one that an earlier deployment kept.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        shared: what all stacks share.
        announce: whether S3 tells EventBridge of every object.
        days: how long objects stay; for ever when None.
        scratch: prefixes under which objects are overwritten again and again; nobody wants their past.
        fleeting: a prefix under which objects go after a day.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        announce: bool = False,
        days: int | None = None,
        scratch: Sequence[str] = (),
        fleeting: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        kept = shared.settings.kept
        if kept is not None:
            self.bucket = self._adopt(getattr(kept, f"{construct_id.lower()}_bucket"), shared.key)
            return
        passing = [_forget_versions(prefix) for prefix in scratch]
        if fleeting is not None:
            passing.append(_forget_versions(fleeting, expiration=Duration.days(1)))
        self.bucket = self._make(shared, announce=announce, days=days, passing=passing)

    def _make(
        self, shared: Shared, *, announce: bool, days: int | None, passing: Sequence[s3.LifecycleRule]
    ) -> s3.IBucket:
        settings = shared.settings
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self._name(shared),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=shared.key,
            bucket_key_enabled=True,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=shared.access_logs,
            server_access_logs_prefix=f"{self.node.id.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOAD_DAYS),
                    # What was overwritten or deleted can be brought back so long. What a snapshot pins is neither.
                    # An object that expires becomes noncurrent first, and must not stay as long again.
                    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html
                    noncurrent_version_expiration=Duration.days(settings.noncurrent_days if days is None else 1),
                    # S3 takes one of the two in a rule; what expires leaves markers that go by themselves.
                    expiration=None if days is None else Duration.days(days),
                    expired_object_delete_marker=True if days is None else None,
                ),
                *passing,
            ],
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )
        Tags.of(bucket).add(KEPT_AS, f"{self.node.id.lower()}_bucket")
        # `AccessLogs` lets all buckets of the account in.
        Annotations.of(bucket).acknowledge_warning("@aws-cdk/aws-s3:accessLogsPolicyNotAdded")
        if announce:
            # The L2's `event_bridge_enabled` brings a custom resource with a function; the property needs none.
            resource = bucket.node.default_child
            assert isinstance(resource, s3.CfnBucket)  # noqa: S101  # an L2 bucket's child
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        return bucket

    def _name(self, shared: Shared) -> str | None:
        """CloudFormation's choice in one account; among several, the same whoever else comes to need it, or no more.

        A bucket whose name changes is made anew, without what is in it.
        """
        if shared.environment is None:
            return None
        place = f"{shared.environment.account}/{shared.environment.region}"
        digest = hashlib.sha256(place.encode()).hexdigest()[:_TELLING_APART]
        return f"{Stack.of(self).stack_name}-{self.node.id.lower()}-{digest}"

    def _adopt(self, name: str, key: kms.IKey) -> s3.IBucket:
        """A bucket that is there, as it was left; only its policy went with the stack that made it."""
        bucket = s3.Bucket.from_bucket_attributes(self, "Bucket", bucket_name=name, encryption_key=key)
        everything = [bucket.bucket_arn, bucket.arn_for_objects("*")]
        statements = [
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:*"],
                resources=everything,
                conditions=condition,
            )
            for condition in (
                {"Bool": {"aws:SecureTransport": "false"}},
                {"NumericLessThan": {"s3:TlsVersion": 1.2}},
            )
        ]
        s3.CfnBucketPolicy(self, "Policy", bucket=name, policy_document=iam.PolicyDocument(statements=statements))
        return bucket


def _forget_versions(prefix: str, *, expiration: Duration | None = None) -> s3.LifecycleRule:
    return s3.LifecycleRule(prefix=prefix, expiration=expiration, noncurrent_version_expiration=Duration.days(1))


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
