"""The locked bucket of the organisation's trail, in an account of its own, and the key of what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from infra.constructs.acknowledgements import acknowledge_nist
from infra.constructs.bucket import ABANDONED_UPLOAD_DAYS, AccessLogs
from infra.organisation.names import format_trail_arn, name_trail_bucket, name_trail_key

if TYPE_CHECKING:
    from constructs import Construct

    from infra.organisation.scope import Scope

_CLOUDTRAIL = iam.ServicePrincipal("cloudtrail.amazonaws.com")


class TrailLogsStack(Stack):
    """Its bucket and its alias have names that the trail's stack, in another account, knows."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope) -> None:
        topology = shared.topology
        env = shared.find_environment(topology.parts.trail_logs)
        super().__init__(scope, construct_id, env=env, description="Noriba: the locked logs of the trail")
        self._shared = shared
        self._trail = format_trail_arn(topology, prefix=shared.prefix)
        logs = AccessLogs(self, "AccessLogs", days=shared.settings.access_log_days, keep=True)
        for rule in ("S3DefaultEncryptionKMS", "S3BucketReplicationEnabled"):
            acknowledge_nist(
                logs.bucket, rule, reason="access logs take S3's own key alone, and nobody needs a second copy"
            )
        self._make_bucket(logs.for_buckets, self._make_key())

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=name_trail_key(self._shared.prefix),
            description="Noriba: what the organisation's trail wrote",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
        topology = self._shared.topology
        trails = f"arn:{topology.partition}:cloudtrail:*:{topology.organisation.management}:trail/*"
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[_CLOUDTRAIL],
                actions=["kms:GenerateDataKey*"],
                resources=["*"],  # in a key's own policy: this key
                conditions={
                    "StringEquals": {"aws:SourceArn": self._trail},
                    "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails},
                },
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[_CLOUDTRAIL],
                # CloudTrail decrypts where the bucket has a key of its own that this one wraps.
                actions=["kms:Decrypt", "kms:DescribeKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceArn": self._trail}},
            )
        )
        return key

    def _make_bucket(self, access_logs: s3.IBucket, key: kms.Key) -> None:
        topology = self._shared.topology
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name_trail_bucket(topology, prefix=self._shared.prefix),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            versioned=True,
            # In compliance mode nobody shortens it, the root user neither.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
            object_lock_default_retention=s3.ObjectLockRetention.compliance(Duration.days(topology.trail.lock_days)),
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="trail/",
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOAD_DAYS))
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        Annotations.of(bucket).acknowledge_warning("@aws-cdk/aws-s3:accessLogsPolicyNotAdded")
        acknowledge_nist(
            bucket,
            "S3BucketReplicationEnabled",
            reason="a second copy in another region is the owner's choice and cost",
        )
        # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
        ours = {"aws:SourceArn": self._trail}
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[_CLOUDTRAIL],
                actions=["s3:GetBucketAcl"],
                resources=[bucket.bucket_arn],
                conditions={"StringEquals": ours},
            )
        )
        writers = (topology.organisation.management, topology.organisation.id)
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[_CLOUDTRAIL],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{writer}/*") for writer in writers],
                conditions={"StringEquals": {**ours, "s3:x-amz-acl": "bucket-owner-full-control"}},
            )
        )
